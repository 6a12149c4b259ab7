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


def rows(result, secrets):
    """[(what, without bypass, with bypass)]"""
    first, second = secrets
    return [
        ("console of the user VM", "QEMU in the cloud VM", "SSH to the host"),
        ("login", _login(result, "run1-login"), _login(result, "run2-login")),
        ("port accesses that L1 saw", number(result, "run1-accesses"),
         number(result, "run2-accesses")),
        ("bytes in L1's console log", number(result, "run1-logged"),
         number(result, "run2-logged")),
        ("keyboard of the user VM", "QEMU in the cloud VM", "vsbctl, VNC over SSH"),
        ("keys in L1's tap", _without(result, "run1-keys", first),
         _with(result, ["run2-keys"], second)),
        ("what the administrator types", result.get("run1-admin", NOT_RUN),
         result.get("run2-admin", NOT_RUN)),
        ("password in L1's tap", _without(result, "run1-typed", first),
         _with(result, ["run2-typed"], second)),
    ]


def faults(result, secrets):
    """What is not as it must be, a sentence each; none: the demo has shown all of it."""
    first, second = secrets
    out = []
    if "run1-typed" not in result or "run1-keys" not in result:
        out.append("run 1, without the bypass, was not run to its end")
    elif first not in result["run1-typed"] or first not in result["run1-keys"]:
        out.append("without the bypass the taps must see the password; they did not")
    taps = ("run2-typed", "run2-keys")
    if any(second in result.get(k, "") for k in taps):
        out.append("with the bypass the taps must not see the password; they did")
    elif any(k not in result for k in (*taps, "run2-accesses", "run2-logged", "run2-login")):
        out.append("run 2, with the bypass, was not run to its end")
    elif any(result[k].strip() for k in taps) or \
            any(number(result, k) != "0" for k in ("run2-accesses", "run2-logged")):
        out.append("with the bypass the taps must see nothing; they saw something")
    return out
