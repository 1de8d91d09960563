"""`pomona why` of simulated devices: what they cannot do, and what they took on and did not do."""
import urllib.parse

from harness import Server, until
from test_lab import Lab

TIMEOUT = 240


def settled(lab, uuid):
    return until(lambda: (lambda t: t["status"] if t["status"] in ("Acknowledged", "Error") else None)(lab.target(uuid)), "its answer")


def why(lab, device, uuid):
    return lab.server.cli_json("why", device, "--command", uuid)


def later(lab, link, seconds):
    """The same server, so much later."""
    old, address = lab.server, urllib.parse.urlsplit(link)
    old.stop()
    lab.server = Server(lab.tmp, data=old.data, listen=f"127.0.0.1:{address.port}", public_url=f"https://{address.netloc}",
                        apns_url=lab.apns.url, apns_ca=lab.apns.ca, env={"POMONA_CLOCK_SHIFT": str(seconds)})


def test_what_an_iphone_cannot_and_what_it_did_not_do(tmp):
    lab = Lab(tmp)
    link = lab.link()
    phone = lab.device("--platform", "ios", "--late", "InstallApplication=PromptingForLogin", link=link)
    udid = lab.enrolled(phone)
    assert settled(lab, lab.command(udid, "DeviceInformation", Queries=["IsSupervised", "ProductName", "OSVersion"])) == "Acknowledged"

    # It is not sent, but by force; then its answer is explained.
    refused = lab.server.cli("command", "send", udid, "RestartDevice", "--yes", expect=1).stderr
    assert "supervised" in refused, refused
    restart = lab.command(udid, "RestartDevice")
    assert settled(lab, restart) == "Error"
    told = why(lab, udid, restart)
    assert told["verdict"] == "unsupported" and "supervised" in told["message"], told

    # Accepted, and half an hour later somebody has still to sign in.
    app = lab.command(udid, "InstallApplication", iTunesStoreID=361309726)
    assert settled(lab, app) == "Acknowledged" and why(lab, udid, app)["verdict"] == "fine"
    later(lab, link, 1900)
    assert settled(lab, lab.command(udid, "ManagedApplicationList")) == "Acknowledged"
    told = why(lab, udid, app)
    assert told["verdict"] == "acknowledged-not-done" and "PromptingForLogin" in told["message"], told
    phone.kill9()
    lab.stop()
