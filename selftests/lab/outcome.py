# SPDX-License-Identifier: GPL-2.0
"""What the job eavesdrop has shown, as the demo's table: of its two runs, from its lines
"@result KEY VALUE".

Three rules: what did not run reads "not run"; what ran and cannot be read, "not known"; only
a secret that was seen reads LEAKED.
"""

NOT_RUN = "not run"
NOT_KNOWN = "not known"


def number(result, key):
    """A count that the cloud VM was asked for: as it came, if it is one."""
    if key not in result:
        return NOT_RUN
    value = result[key].strip()
    return value if value.isdecimal() else NOT_KNOWN


def _accesses(result):
    """Of run 2: those that are there may only be the module's own, which carry no data."""
    if "run2-explained" not in result:
        return NOT_RUN
    n = number(result, "run2-accesses")
    return f"{n}, all ours, no data" if _explained(result) and n not in ("0", NOT_RUN, NOT_KNOWN) else n


def _explained(result):
    return number(result, "run2-accesses").isdecimal() and result.get("run2-explained") == "yes"


def _ours(result):
    """What is listed of an agent are files, monitors and more: its name says it."""
    if "run2-ours" not in result:
        return NOT_RUN
    listed = result["run2-ours"].strip()
    return "vsb-agent" if "vsb-agent" in listed else listed or "none"


def _login(result, key):
    return {"ok": "works", "person": "yours", "failed": "FAILED"}.get(result.get(key), NOT_RUN)


def _without(result, key, secret):
    """A tap of run 1, which is there to show that it works."""
    if key not in result:
        return NOT_RUN
    return "READ: " + secret if secret in result[key] else "not seen"


def _with(result, keys, secret):
    """Taps of run 2. An empty one says something only if the login worked."""
    if any(secret in result.get(k, "") for k in keys):
        return "LEAKED"
    if any(k not in result for k in (*keys, "run2-login")):
        return NOT_RUN
    if result["run2-login"] == "failed":
        return NOT_KNOWN
    if any(result[k].strip() for k in keys):
        return "not the password"
    return "nothing"


# What the administrator has of the screen: key, what it is.
SCREEN = (("screendump", "screendump in L1"), ("video", "card's memory in L1"), ("vnc", "VNC server in L1"))


def _screen(result, secrets):
    return [("screen of the user VM", "QEMU in the cloud VM", "VNC over SSH"),
            ("password on it", *(result.get(f"run{run}-screen", NOT_RUN) for run in (1, 2))),
            *((name, _without(result, "run1-" + key, secrets[0]), _with(result, ["run2-" + key], secrets[1]))
              for key, name in SCREEN)]


def rows(result, secrets):
    """[(what, without bypass, with bypass)]"""
    first, second = secrets
    return [
        ("console of the user VM", "QEMU in the cloud VM", "SSH to the host"),
        ("login", _login(result, "run1-login"), _login(result, "run2-login")),
        ("port accesses that L1 saw", number(result, "run1-accesses"), _accesses(result)),
        ("bytes in L1's console log", number(result, "run1-logged"),
         number(result, "run2-logged")),
        ("keyboard of the user VM", "QEMU in the cloud VM", "vsbctl, VNC over SSH"),
        ("keys in L1's tap", _without(result, "run1-keys", first),
         _with(result, ["run2-keys"], second)),
        ("what the administrator types", result.get("run1-admin", NOT_RUN),
         result.get("run2-admin", NOT_RUN)),
        ("password in L1's tap", _without(result, "run1-typed", first),
         _with(result, ["run2-typed"], second)),
        *_screen(result, secrets),
        # it is one cloud VM, with the same image in both
        ("of VSBypass in the cloud VM", _ours(result), _ours(result)),
    ]


def faults(result, secrets):
    """What is not as it must be, a sentence each; none: the demo has shown all of it."""
    first, second = secrets
    out = []
    screen = [key for key, _ in SCREEN]
    before = ["run1-" + key for key in ("typed", "keys", *screen)]
    if any(k not in result for k in before):
        out.append("run 1, without the bypass, was not run to its end")
    elif any(first not in result[k] for k in before):
        out.append("without the bypass the taps must see the password; they did not")
    taps = ["run2-" + key for key in ("typed", "keys", *screen)]
    if any(second in result.get(k, "") for k in taps):
        out.append("with the bypass the taps must not see the password; they did")
    elif any(k not in result for k in (*taps, "run2-accesses", "run2-explained", "run2-logged", "run2-login",
                                        "run2-ours", "run2-screen")):
        out.append("run 2, with the bypass, was not run to its end")
    elif any(result[k].strip() for k in taps) or \
            number(result, "run2-logged") != "0" or not _explained(result):
        out.append("with the bypass the taps must see nothing but VSBypass' own accesses; they "
                   "saw something else")
    return out
