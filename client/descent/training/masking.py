"""Masking secrets before they enter a record: records are for ever, so what looks like a secret is left out.

Masked are values whose name says that they are secret (`password`, `api_key`, `hf_token`), passwords and keys in
addresses, texts in the form of well-known tokens, and whatever a variable of the environment with such a name holds.
Names of tokens of a text (`pad_token`, `max_tokens`) are no secrets.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote, unquote

from descent.nodes import Path, path_text

MASK: Final = "***"

_SECRET_WORDS: Final = frozenset(
    {
        *("password", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "credential", "credentials"),
        *("apikey", "accesskey", "secretkey", "privatekey", "authkey", "accountkey", "sharedkey", "sshkey", "sig"),
        *("bearer", "authorization", "cookie", "jwt", "dsn", "connectionstring", "authtoken", "accesstoken", "pat"),
    }
)
"""Words that make a name secret wherever they are in it."""

_SECRET_PAIRS: Final = frozenset(
    (first, "key")
    for first in ("api", "access", "secret", "private", "auth", "account", "shared", "encryption", "signing", "ssh")
) | {("connection", "string"), ("basic", "auth"), ("amz", "signature"), ("api", "tokens"), ("access", "tokens")}
"""Two words that make a name secret if they follow one another."""

_FOLDERS: Final = frozenset({"PWD", "OLDPWD"})
"""Variables of the environment that are called as a password often is, and hold folders."""

_TEXT_TOKENS: Final = frozenset(
    {
        *("pad", "eos", "bos", "unk", "mask", "sep", "cls", "eot", "eod", "eom", "sot", "sos", "bod", "special", "end"),
        *(
            "start",
            "stop",
            "image",
            "audio",
            "video",
            "vision",
            "speech",
            "prompt",
            "prefix",
            "suffix",
            "middle",
            "fim",
        ),
        *("text", "next", "first", "last", "per", "new", "max", "min", "num", "number", "stopping", "separator"),
        *("blank", "padding", "begin", "think", "fim", "tool", "system", "user", "assistant", "class", "boi", "eoi"),
    }
)
"""What comes before `token` in names of a text's tokens."""

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_KNOWN: Final = re.compile(
    r"""
    -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    | \b(?:
        hf_[A-Za-z0-9]{16,}                             # Hugging Face
      | (?:gh[opsur]_|github_pat_)[A-Za-z0-9_]{16,}     # GitHub
      | gl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_-]{16,}      # GitLab
      | sk-[A-Za-z0-9_-]{16,}                           # OpenAI, Anthropic
      | [sr]k_(?:live|test)_[A-Za-z0-9]{10,}            # Stripe
      | (?:AKIA|ASIA)[A-Z0-9]{16}                       # AWS
      | AIza[A-Za-z0-9_-]{30,}                          # Google
      | ya29\.[A-Za-z0-9_-]{10,}                        # Google OAuth
      | xox[abeprs]-[A-Za-z0-9-]{10,}                   # Slack
      | (?:npm_|pypi-|dckr_pat_|nvapi-|r8_|dapi|wandb_v1_|descent_)[A-Za-z0-9_-]{16,}
      | eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{3,}   # JSON web tokens
    )
    """,
    re.VERBOSE | re.DOTALL,
)

# What is between :// and @, also where a password contains a slash; a port is no password.
_USER_INFO: Final = re.compile(r"""(?<=://)(?:[^\s/?#"'<>]*|[^\s/?#@:"'<>]*:(?![0-9]{1,5}/)[^\s"'<>]*)@""")
_BEARER: Final = re.compile(r"(?i)\b(bearer)\s+(?=\S*[0-9])[A-Za-z0-9._~+/=-]{8,}")
_AUTHORIZATION: Final = re.compile(
    r"""(?i)(authorization["']?\s*[:=]\s*["']?)(?:(?:basic|bearer|token|digest)\s+)?[^\s"']+"""
)
# NAME=VALUE, NAME: VALUE and "NAME": "VALUE", in addresses, command lines, connection strings and JSON
_ASSIGNED: Final = re.compile(
    r"""(?P<name>[A-Za-z0-9_.-]+)(?P<between>\\?["']?\s*[=:]\s*)"""
    r"""(?P<value>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\?["']?[^\s"';&]+)"""
)
_OPTION: Final = re.compile(r"[-+~]{0,2}[A-Za-z0-9_./-]+")
_LEAST: Final = 6
"""Values of environment variables that are shorter occur in other texts by chance."""


def is_secret_name(name: str) -> bool:
    """Return whether the name of a parameter, option or variable says that its value is a secret."""
    words = _words(name)
    if _SECRET_WORDS & {*words, "".join(words)} or any(pair in _SECRET_PAIRS for pair in pairwise(words)):
        return True
    while words and words[-1].isdigit():  # a second one: hf_token_2
        words.pop()
    return words[-1:] == ["token"] and words[-2:-1] not in [[word] for word in _TEXT_TOKENS]


class Masker:
    """Masks what it is given, and collects in `masked` the places where something was masked."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        held = {v.strip() for name, v in environment.items() if is_secret_name(name) and name not in _FOLDERS}
        forms = {form for value in held if len(value) >= _LEAST for form in (value, quote(value, safe=""))}
        secrets = sorted(forms, key=len, reverse=True)
        self._held = re.compile("|".join(map(re.escape, secrets))) if secrets else None
        self.masked: list[str] = []

    def value(self, value: Any, path: Path = (), *, secret: bool = False) -> Any:
        """Return a JSON value without secrets; with `secret`, its name says that all of it is one."""
        if isinstance(value, dict):
            return self._object(value, path, secret=secret)
        if isinstance(value, list):
            if not secret and value and all(isinstance(item, str) for item in value):
                return self.command(value, path)
            return [self.value(item, (*path, position), secret=secret) for position, item in enumerate(value)]
        if secret and value not in (None, "", MASK) and not isinstance(value, bool):
            self._note(path)
            return MASK
        return self.text(value, path) if isinstance(value, str) else value

    def text(self, text: str, path: Path = ()) -> str:
        """Return a text without the secrets in it."""
        clean = text
        if self._held is not None:
            clean = self._held.sub(MASK, clean)
        clean = _USER_INFO.sub(_without_user, _KNOWN.sub(MASK, clean))
        clean = _AUTHORIZATION.sub(rf"\1{MASK}", _BEARER.sub(rf"\1 {MASK}", clean))
        clean = _ASSIGNED.sub(_without_value, clean)
        if clean != text:
            self._note(path)
        return clean

    def command(self, arguments: Sequence[str], path: Path = ()) -> list[str]:
        """Return the arguments of a command line without secrets: also `--password VALUE`, in two arguments."""
        shown = []
        for position, (given, clean) in enumerate(zip(arguments, _command(arguments), strict=True)):
            if clean != given:
                self._note((*path, position))
            shown.append(self.text(clean, (*path, position)))
        return shown

    def _object(self, value: Mapping[str, Any], path: Path, *, secret: bool) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        for key, member in value.items():
            name = shown = self.text(key, path)
            number = 2
            while name in clean:
                name, number = f"{shown}-{number}", number + 1
            # A number that is called token is one of a text's: token 0 ends it.
            hidden = secret or (is_secret_name(key) and not (_is_number(member) and _words(key)[-1:] == ["token"]))
            clean[name] = self.value(member, (*path, name), secret=hidden)
        return clean

    def _note(self, path: Path) -> None:
        place = path_text(path)
        if place not in self.masked:
            self.masked.append(place)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _without_user(found: re.Match[str]) -> str:
    """Return the part of an address before its host: git@ is nobody's name, and any other is masked."""
    return found[0] if found[0] == "git@" else f"{MASK}@"


def _without_value(found: re.Match[str]) -> str:
    value = found["value"]
    if not is_secret_name(unquote(found["name"])) or value.startswith("//"):
        return found[0]
    opened = re.match(r"""\\?["']?""", value)
    opening = opened[0] if opened else ""
    closing = opening if value.endswith(opening) and len(value) > len(opening) else ""
    return f"{found['name']}{found['between']}{opening}{MASK}{closing}"


def _command(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the arguments; what follows an option with a secret name, or its equals sign, is masked whole."""
    secret = False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if secret and not re.match(r"-{1,2}[A-Za-z]", argument):
            yield MASK
        elif equals and value and is_secret_name(name) and _OPTION.fullmatch(name):
            yield f"{name}={MASK}"
        else:
            yield argument
        secret = not equals and argument.startswith("-") and bool(_OPTION.fullmatch(name)) and is_secret_name(name)
