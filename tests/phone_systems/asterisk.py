"""A real Asterisk for tests, in a folder of its own, and the phones around it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs" / "how-to"
MODULES = (
    *("res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb", "res_pjproject"),
    *("res_timing_timerfd", "res_rtp_asterisk", "codec_ulaw", "bridge_simple", "res_pjsip"),
    *("res_pjsip_session", "res_pjsip_pubsub", "res_pjsip_sdp_rtp", "res_pjsip_caller_id"),
    *("res_pjsip_header_funcs", "res_pjsip_endpoint_identifier_ip", "res_pjsip_dtmf_info"),
    *("res_pjsip_endpoint_identifier_anonymous", "chan_pjsip", "pbx_config", "app_dial"),
    *(
        "app_verbose",
        "func_callerid",
        "func_logic",
        "func_strings",
        "func_channel",
        "res_speech",
        "res_agi",
    ),
)
ASTERISK = os.environ.get("ROUTING_ENGINE_TEST_ASTERISK", "")
"""Folder into which Debian's asterisk was unpacked; empty for the one that is installed."""


def missing():
    """Why there is no Asterisk to test with; empty where there is one."""
    if shutil.which("sipp") is None:
        return "SIPp is not installed (apt-get install sip-tester)"
    if ASTERISK and not Path(ASTERISK, "usr/sbin/asterisk").exists():
        return "ROUTING_ENGINE_TEST_ASTERISK names no folder with an Asterisk"
    if not ASTERISK and shutil.which("asterisk") is None:
        return "Asterisk is neither installed nor named by ROUTING_ENGINE_TEST_ASTERISK"
    return ""


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def example(page, name):
    """A configuration file as the documentation has it."""
    blocks = re.findall(r"```ini\n; (\S+)\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return "\n".join(text for found, text in blocks if found == name)


class Asterisk:
    """One Asterisk with the dialplan of the documentation.

    Args:
        folder: for its files.
        far_port: of the far end.
        replace: what stands otherwise in the files of the page: ports that are free.
        page: of the how-to guides.
        modules: to be loaded beside :data:`MODULES`.
        trunk: more settings of the endpoint.
    """

    def __init__(self, folder, far_port, *, replace, page="asterisk.md", modules=(), trunk=""):
        self.folder = folder
        self.port = free_port()
        root = Path(ASTERISK or "/")
        library = f"usr/lib/{platform.machine()}-linux-gnu"
        for name in ("etc", "run", "spool", "log", "db", "lib"):
            (folder / name).mkdir(parents=True)
        self._write(
            "asterisk.conf",
            f"""[directories]
astetcdir => {folder}/etc
astmoddir => {root}/{library}/asterisk/modules
astvarlibdir => {folder}/lib
astdbdir => {folder}/db
astkeydir => {folder}/lib
astdatadir => {root}/usr/share/asterisk
astagidir => {folder}/lib
astspooldir => {folder}/spool
astrundir => {folder}/run
astlogdir => {folder}/log
""",
        )
        loads = "".join(f"load = {name}.so\n" for name in (*MODULES, *modules))
        self._write("modules.conf", f"[modules]\nautoload = no\n{loads}")
        self._write("logger.conf", "[logfiles]\nconsole = error,warning,notice,verbose\n")
        for name in ("extensions.conf", "http.conf", "ari.conf"):
            text = example(page, name)
            for old, new in replace.items():
                text = text.replace(old, new)
            self._write(name, text)
        self._write(
            "pjsip.conf",
            f"""[transport-udp]
type=transport
protocol=udp
bind=127.0.0.1:{self.port}
[anonymous]
type=endpoint
context=from-trunk
disallow=all
allow=ulaw
trust_id_inbound=yes
{example("asterisk.md", "pjsip.conf")}{trunk}
[trunk]
type=aor
contact=sip:127.0.0.1:{far_port}
""",
        )
        command = [str(root / "usr/sbin/asterisk")]
        if ASTERISK:  # with its own libraries, whatever this machine has
            loader = next((root / "usr/lib64").glob("ld-linux*"), None)
            loader = loader or next((root / library).glob("ld-linux*"))
            libraries = f"{root}/{library}:{root}/{library}/asterisk"
            command = [str(loader), "--library-path", libraries, *command]
        self._log = (folder / "console").open("w+")
        self._process = subprocess.Popen(
            [*command, "-f", "-vvv", "-C", f"{folder}/etc/asterisk.conf"],
            stdout=self._log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 30
        while "Asterisk Ready" not in self.console() and time.monotonic() < until:
            time.sleep(0.1)

    def _write(self, name, text):
        (self.folder / "etc" / name).write_text(text)

    def console(self):
        """What it said."""
        return (self.folder / "console").read_text(errors="replace")

    def close(self):
        self._process.terminate()
        self._process.wait(10)
        self._log.close()


class FarEnd:
    """The phones behind the trunk: each user of a request URI answers in its own way."""

    def __init__(self, answers):
        self.answers = answers
        self.invites = []
        self.cancelled = []
        self.digits = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._seen = set()
        threading.Thread(target=self._run, daemon=True).start()

    def close(self):
        self._socket.close()

    def users(self):
        """Who was rung, in order."""
        return [re.match(r"INVITE sips?:([^@;]+)", invite)[1] for invite in self.invites]

    def _run(self):
        while True:
            try:
                data, source = self._socket.recvfrom(65_535)
            except OSError:
                return
            message = data.decode(errors="replace")
            if message.startswith("INVITE"):
                self._invited(message, source)
            elif message.startswith(("BYE", "OPTIONS", "CANCEL", "INFO")):
                self._reply(message, source, "200 OK")
                self.digits += re.findall(r"(?m)^Signal=\s*(\S)", message)
                if message.startswith("CANCEL"):
                    self.cancelled.append(message)
                    self._reply(self.invites[-1], source, "487 Request Terminated")

    def _invited(self, message, source):
        branch = re.search(r"branch=([^;\r\n]+)", message)[1]
        if branch in self._seen:
            return
        self._seen.add(branch)
        self.invites.append(message)
        answer = self.answers.get(self.users()[-1], "404 Not Found")
        self._reply(message, source, "180 Ringing")
        if answer != "180 Ringing":
            self._reply(message, source, answer)

    def _reply(self, request, source, status):
        lines = [line for line in request.split("\r\n") if line.split(":")[0] in (
            "Via", "From", "To", "Call-ID", "CSeq", "Record-Route",
        )]  # fmt: skip
        lines = [f"{x};tag=far" if x.startswith("To:") and "tag=" not in x else x for x in lines]
        body = ""
        if status.startswith("200") and request.startswith("INVITE"):
            body = (
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                f"m=audio {free_port()} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
            )
            lines += [f"Contact: <sip:far@127.0.0.1:{self.port}>", "Content-Type: application/sdp"]
        lines.append(f"Content-Length: {len(body)}")
        made = f"SIP/2.0 {status}\r\n" + "\r\n".join(lines) + f"\r\n\r\n{body}"
        self._socket.sendto(made.encode(), source)
