"""SIPp as the caller."""

from __future__ import annotations

import subprocess

SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="caller">
<send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: {from_};tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:caller@[local_ip]:[local_port]>
Max-Forwards: 70
X-Words: {words}
{more}Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
]]></send>
{then}
</scenario>
"""
_SAME = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: {from_};tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
Max-Forwards: 70
Content-Length: 0
"""
_EARLY = """<recv response="100" optional="true"/><recv response="180" optional="true"/>
<recv response="183" optional="true"/>"""
TALKED = (
    _EARLY
    + """<recv response="200" rrs="true" timeout="40000"/><send><![CDATA[
ACK [next_url] SIP/2.0
[routes]
CSeq: 1 ACK
"""
    + _SAME
    + """
]]></send><pause milliseconds="{talk_ms}"/><send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
[routes]
CSeq: 2 BYE
"""
    + _SAME
    + """
]]></send><recv response="200"/>"""
)
HUNG_UP = (
    """<recv response="100" optional="true"/><recv response="180"/><pause milliseconds="300"/>
<send><![CDATA[
CANCEL sip:[service]@[remote_ip]:[remote_port] SIP/2.0
CSeq: 1 CANCEL
"""
    + _SAME.replace("branch=[branch]", "branch=[branch-4]").replace("[peer_tag_param]", "")
    + """
]]></send><recv response="200"/><recv response="487"/><send><![CDATA[
ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
CSeq: 1 ACK
"""
    + _SAME.replace("branch=[branch]", "branch=[branch-7]")
    + """
]]></send>"""
)
REFUSED = (
    _EARLY
    + """<recv response="{status}"/><send><![CDATA[
ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
CSeq: 1 ACK
"""
    + _SAME.replace("branch=[branch]", "branch=[branch-5]")
    + """
]]></send>"""
)


def call(
    folder, port, user, words, *, then=TALKED, caller='"Jane" <sip:+12025550188@carrier.example>',
    more="", talk_ms=300, status="480",
):  # fmt: skip
    """One call; returns SIPp's exit status: 0 where it went as it should."""
    scenario = folder / "caller.xml"
    filled = SCENARIO.replace("{then}", then)
    for name, value in {
        "from_": caller, "words": words, "more": more, "talk_ms": str(talk_ms), "status": status
    }.items():  # fmt: skip
        filled = filled.replace(f"{{{name}}}", value)
    scenario.write_text(filled)
    done = subprocess.run(
        ["sipp", f"127.0.0.1:{port}", "-sf", str(scenario), "-s", user, "-m", "1", "-i", "127.0.0.1",
         "-nostdin", "-timeout", "45", "-recv_timeout", "45000", "-trace_err",
         "-error_file", str(folder / "errors")],
        capture_output=True, check=False, cwd=folder,
    )  # fmt: skip
    return done.returncode
