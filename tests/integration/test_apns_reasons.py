"""docs/apns.md is made from include/core/apns_reason.def, complete, and as it is committed. `--write` makes it anew."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "include/core/apns_reason.def"
PAGE = ROOT / "docs/apns.md"
PROTOCOL = """BadCollapseId BadDeviceToken BadExpirationDate BadMessageId BadPriority BadTopic DeviceTokenNotForTopic DuplicateHeaders IdleTimeout
    InvalidPushType MissingDeviceToken MissingTopic PayloadEmpty TopicDisallowed BadCertificate BadCertificateEnvironment Forbidden ExpiredProviderToken
    InvalidProviderToken MissingProviderToken UnrelatedKeyIdInToken BadEnvironmentKeyIdInToken BadPath MethodNotAllowed Unregistered ExpiredToken
    PayloadTooLarge TooManyProviderTokenUpdates TooManyRequests InternalServerError ServiceUnavailable Shutdown""".split()
WHO = {"NOBODY": "nobody", "DEVICE": "the device", "CERTIFICATE": "the certificate", "NETWORK": "the way to Apple", "APPLE": "Apple", "US": "pomona"}
ACTS = {"FINE": "nothing until the schedule's next time", "TOKEN": "no more pushes to this token but once a week, until a new one comes",
        "GONE": "the same, when Apple's time is later than the token and the device was not seen since",
        "TOPIC": "pushes of this topic stop for a while and are tried again; nothing is lost", "SLOW": "this push waits, longer each time",
        "SERVER": "this push waits, longer each time; when it is general, so does the topic", "IDLE": "sent again on a new connection",
        "OURS": "logged as an error, tried again after hours"}


def rows():
    text = re.sub(r"/\*.*?\*/", "", TABLE.read_text(encoding="utf-8"), flags=re.S)
    for args in re.findall(r"^APNS\((.*?)\)$", text, re.M | re.S):
        status, reason, who, act, meaning, remedy = re.findall(r'"(?:[^"]*)"|\w+', args)
        yield int(status), reason.strip('"'), who, act, meaning.strip('"'), remedy.strip('"')


def page():
    lines = ["# What APNs answers", "",
             "Every answer of Apple's push service to a wake-up, whose fault it is, what pomona does and what you have to do. Made from",
             "`include/core/apns_reason.def` by `tests/integration/test_apns_reasons.py --write`. A reason that is not in the table counts as its",
             "status does. An answer applies to the token that the push was sent to. When half of at least 10 devices of a topic are refused",
             "within an hour, the topic stops for an hour instead, and no token is given up.", "",
             "| status | reason | fault of | means | pomona does | what to do |", "|---|---|---|---|---|---|"]
    for status, reason, who, act, meaning, remedy in rows():
        lines.append(f"| {status or '–'} | {reason or ('' if status == 200 else '(none that is known)')} | {WHO[who]} | {meaning} | {ACTS[act]} | {remedy} |")
    lines += ["", "The certificate itself is asked about once a day, and by `pomona doctor` and each import, by a push to a token of zeros: an answer",
              "that is the device's fault proves that Apple takes the certificate, one that is the certificate's fault refuses it, and",
              "everything else says nothing of it. What the push thread knows of the way to Apple stands in `pomona status`, by topic."]
    return "\n".join(lines) + "\n"


def test_page_is_that_of_the_table():
    known = [reason for _, reason, *_ in rows() if reason]
    assert sorted(known) == sorted(set(known)), "a reason has two rows"
    assert set(known) == set(PROTOCOL), set(known) ^ set(PROTOCOL)
    assert page() == PAGE.read_text(encoding="utf-8"), "docs/apns.md is old: test_apns_reasons.py --write"


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    PAGE.write_text(page(), encoding="utf-8")
