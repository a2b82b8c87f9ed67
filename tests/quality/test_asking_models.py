from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from routing_engine import InvalidValueError, RuleText
from routing_engine.errors import SuggestionError
from routing_engine.quality.asking_models import MAX_RULES, ModelEndpoint
from routing_engine.quality.suggesting import Proposal

RULES = [
    RuleText(label="Billing", when="caller asks about a charge", examples=("charged twice",)),
    RuleText(label="Cancel", when="caller wants to leave"),
]


def completion(content):
    return json.dumps({"choices": [{"message": {"content": content}}]}).encode()


class Served:
    """A real endpoint on this machine, that answers what it is told to."""

    def __init__(self):
        self.heard = []
        self.status, self.body, self.headers, self.delay_s = 200, completion('["a b"]'), {}, 0.0
        self.piece, self.pause_s = 2**30, 0.0
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                n = int(self.headers["Content-Length"])
                served.heard.append((self.path, dict(self.headers), json.loads(self.rfile.read(n))))
                time.sleep(served.delay_s)
                self.send_response(served.status)
                for name, value in served.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(served.body)))
                self.end_headers()
                with contextlib.suppress(OSError):  # whoever asked has gone
                    for start in range(0, len(served.body), served.piece):
                        self.wfile.write(served.body[start : start + served.piece])
                        time.sleep(served.pause_s)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/v1"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def served():
    made = Served()
    yield made
    made.close()


def test_each_rule_is_asked_about_with_the_others_beside_it(served):
    served.body = completion('Here you are:\n["one  two", "three", ""]')
    found = ModelEndpoint(served.url, name="tiny", key="k", per_rule=3)(RULES)
    assert found == [[Proposal("one two", "127.0.0.1"), Proposal("three", "127.0.0.1")]] * 2
    assert [path for path, _, _ in served.heard] == ["/v1/chat/completions"] * 2
    assert {headers["Authorization"] for _, headers, _ in served.heard} == {"Bearer k"}
    body = served.heard[1][2]
    assert set(body) == {"model", "messages"}
    assert "Write 6 sentences" in body["messages"][0]["content"]
    assert json.loads(body["messages"][1]["content"]) == {
        "situation": {"label": "Cancel", "when": "caller wants to leave", "examples": []},
        "other situations": [
            {
                "label": "Billing",
                "when": "caller asks about a charge",
                "examples": ["charged twice"],
            }
        ],
    }


def test_the_whole_address_may_be_given_and_no_key_is_none(served):
    ModelEndpoint(f"{served.url}/chat/completions/")(RULES[:1])
    ((path, headers, _),) = served.heard
    assert path == "/v1/chat/completions"
    assert "Authorization" not in headers


def test_what_is_too_many_too_long_or_unprintable_is_left_out(served):
    served.body = completion(json.dumps(["a\x1b[2Jb", "x" * 301, *map(str, range(9))]))
    (found,) = ModelEndpoint(served.url, per_rule=2)(RULES[:1])
    assert [item.text for item in found] == ["0", "1"]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"<html>", "answers no chat completion"),
        (b'{"choices": []}', "answers no chat completion"),
        (completion(None), "answers no chat completion"),
        (completion("I cannot do that"), "something else than a JSON array"),
        (completion("[1, 2]"), "something else than a JSON array of strings"),
        (completion("x" * 2_000_000), "answers more than 1,000,000 bytes"),
    ],
)
def test_an_answer_that_is_none_is_an_error_that_names_the_endpoint(served, body, what):
    served.body = body
    with pytest.raises(SuggestionError, match=what) as caught:
        ModelEndpoint(served.url, key="secret-key")(RULES)
    assert served.url in str(caught.value)
    assert "secret-key" not in str(caught.value)
    assert len(served.heard) == 1


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_refusal_is_an_error(served, status):
    served.status = status
    with pytest.raises(SuggestionError, match=f"answers {status}"):
        ModelEndpoint(served.url)(RULES)


def test_a_redirect_is_not_followed(served):
    served.status, served.headers = 307, {"Location": f"{served.url}/elsewhere"}
    with pytest.raises(SuggestionError, match="answers 307"):
        ModelEndpoint(served.url)(RULES)
    assert len(served.heard) == 1


def test_a_slow_endpoint_is_given_up(served):
    served.delay_s = 2.0
    with pytest.raises(SuggestionError, match=r"does not answer within 0\.2 s"):
        ModelEndpoint(served.url, timeout_s=0.2)(RULES[:1])


def test_an_answer_that_trickles_in_is_given_up(served):
    served.piece, served.pause_s = 1, 0.1
    started_s = time.monotonic()
    with pytest.raises(SuggestionError, match=r"does not answer within 0\.5 s"):
        ModelEndpoint(served.url, timeout_s=0.5)(RULES[:1])
    assert time.monotonic() - started_s < 3.0


def test_an_endpoint_that_is_not_there_is_an_error(served):
    url = served.url
    served.server.server_close()
    with pytest.raises(SuggestionError, match="cannot be reached"):
        ModelEndpoint(url)(RULES)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "localhost:8000", "http://", "http://u:p@host/v1", "ftp://host"]
)
def test_the_address_is_http(url):
    with pytest.raises(InvalidValueError, match="http:// or https://"):
        ModelEndpoint(url)


def test_the_address_has_no_query():
    with pytest.raises(InvalidValueError, match="no query"):
        ModelEndpoint("http://host/v1?key=1")


def test_the_number_of_rules_has_a_cap(served):
    with pytest.raises(InvalidValueError, match=f"at most {MAX_RULES} rules"):
        ModelEndpoint(served.url)(RULES * 33)
    assert served.heard == []
