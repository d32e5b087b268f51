"""Masking secrets before they enter a record: records are for ever, so what looks like a secret is left out.

Masked are values whose name says that they are secret (`password`, `api_key`, `hf_token`), passwords and keys in
addresses, texts in the form of well-known tokens, and whatever a variable of the environment with such a name holds.
Names of tokens of a text (`pad_token`, `max_tokens`) are no secrets, and neither is a number that can be the id of one.
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
    for first in (
        *("api", "access", "secret", "private", "auth", "account", "shared", "encryption", "signing", "ssh"),
        *("subscription", "license", "master", "admin", "service"),
    )
) | {
    *(("connection", "string"), ("basic", "auth"), ("api", "tokens"), ("access", "tokens"), ("webhook", "url")),
    *(("amz", "signature"), ("goog", "signature"), ("oss", "signature")),
}
"""Two words that make a name secret if they follow one another."""

_PROVIDER_KEYS: Final = tuple(
    f"{provider}key"
    for provider in (
        *("openai", "anthropic", "cohere", "mistral", "groq", "gemini", "deepseek", "openrouter", "together", "xai"),
        *("huggingface", "hf", "replicate", "wandb", "comet", "neptune", "langsmith", "langfuse", "kaggle", "pinecone"),
        *("aws", "azure", "gcp", "google", "github", "gitlab", "slack", "stripe", "sendgrid", "tavily", "serpapi"),
    )
)
"""What a name ends with that is the key of a service: `openaiKey`, `wandb_key`."""

_IDENTIFYING: Final = frozenset(
    {
        *("name", "version", "ref", "subject", "data", "digest", "commit", "relation", "role", "artifact"),
        "generatedBy",
    }
)
"""Fields of a manifest that are compared with others, and so cannot be masked; none of them is free text."""

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
      | (?:xox[abeprs]|xapp)-[A-Za-z0-9-]{10,}          # Slack
      | do[opr]_v1_[A-Za-z0-9]{16,}                     # DigitalOcean
      | SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}      # SendGrid
      | gsk_[A-Za-z0-9]{16,}                            # Groq
      | (?:npm_|pypi-|dckr_pat_|nvapi-|r8_|dapi|wandb_v1_|descent_)[A-Za-z0-9_-]{16,}
      | eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{3,}   # JSON web tokens
    )
    """,
    re.VERBOSE | re.DOTALL,
)

# What is between :// and @, also where a password contains a slash; a port is no password, and hf://gpt2@main has a
# revision. Its length is bounded: otherwise the time would grow with the square of a text with many addresses.
_USER_INFO: Final = re.compile(
    r"""(?<=://)(?<!hf://)(?:[^\s/?#"'<>]{0,1000}|[^\s/?#@:"'<>]{0,1000}:(?![0-9]{1,5}/)[^\s"'<>]{0,1000})@"""
)
# An address that is a secret as a whole: who has it may post. Its host is kept.
_WEBHOOK: Final = re.compile(
    r"""(?i)(\bhooks\.slack\.com/(?:services|workflows|triggers)/|\bdiscord(?:app)?\.com/api/webhooks/"""
    r"""|\bwebhook\.office\.com/webhookb2/)[^\s"'<>]+"""
)
# A text that is nothing but this, and in others what has a digit or a dot inside, as no word after "bearer" has
_BEARER: Final = re.compile(
    r"(?i)(?:\A\s*(bearer)\s+\S{6,}\s*\Z|\b(bearer)\s+(?=\S*[0-9]|\S*\.[A-Za-z])[A-Za-z0-9._~+/=-]{8,})"
)
_AUTHORIZATION: Final = re.compile(
    r"""(?i)(authorization["']?\s*[:=]\s*["']?|\bauth["']?\s*[:=]\s*["']?(?=(?:basic|bearer|token|digest)\s))"""
    r"""(?:(?:basic|bearer|token|digest)\s+)?[^\s"']+"""
)
# These names say that a value is a secret only in the query of an address, and only if it looks like one: the key of a
# sort or of an object stays.
_QUERY_KEY: Final = re.compile(
    r"(?i)([?&](?:key|auth|code|signature)=)(?=[A-Za-z_~.+%=-]*[0-9])[A-Za-z0-9_~.+%=-]{16,}"
)
# NAME=VALUE, NAME: VALUE and "NAME": "VALUE", in addresses, command lines, connection strings and JSON
_ASSIGNED: Final = re.compile(r"""(?<![A-Za-z0-9_.%-])(?P<name>[A-Za-z0-9_.%-]+)\\?["']?\s*[=:]\s*""")
# --NAME VALUE, and the same in a list: "--NAME", "VALUE". What begins like an option is the next one.
_OPTION_VALUE: Final = re.compile(
    r"""(?<![A-Za-z0-9_.-])(?P<name>--?[A-Za-z][A-Za-z0-9_.-]*)\\?["']?,?\s+(?!-{1,2}[A-Za-z])"""
)
# What stands between the delimiters of an address, and may be percent-encoded
_PART: Final = re.compile(r"""[^\s"'<>&;?#=]+""")
_ENCODED: Final = re.compile("%[0-9A-Fa-f]{2}")
_ENCODINGS: Final = 3
"""How often what is encoded may be encoded again, as an address in an address in an address is."""

_VALUE: Final = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?!//)\\?["']?[^\s"';&]+""")
"""What follows one of these, as far as it goes; two slashes are what follows the scheme of an address."""
_OPTION: Final = re.compile(r"[-+~]{0,2}[A-Za-z0-9_./-]+")
_LEAST: Final = 6
"""Values of environment variables that are shorter occur in other texts by chance."""

_TOKEN_IDS: Final = 10_000_000
"""Numbers called `token` below this are ids of tokens: the largest vocabularies have about a million of them."""


def is_secret_name(name: str) -> bool:
    """Return whether the name of a parameter, option or variable says that its value is a secret."""
    words = _words(name)
    if _SECRET_WORDS & {*words, "".join(words)} or any(pair in _SECRET_PAIRS for pair in pairwise(words)):
        return True
    while words and words[-1].isdigit():  # a second one: hf_token_2
        words.pop()
    if "".join(words).endswith(_PROVIDER_KEYS):
        return True
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

    def manifest(self, part: Any, path: Path = ()) -> Any:
        """Return a part of a manifest, in the shape of GraphQL, without secrets; what identifies records stays."""
        if isinstance(part, dict):
            return {name: self._field(name, member, (*path, name)) for name, member in part.items()}
        if isinstance(part, list):
            return [self.manifest(item, (*path, position)) for position, item in enumerate(part)]
        return self.text(part, path) if isinstance(part, str) else part

    def text(self, text: str, path: Path = ()) -> str:
        """Return a text without the secrets in it, those in its percent-encoded parts too."""
        clean = self._clean(text)
        if clean != text:
            self._note(path)
        return clean

    def _clean(self, text: str, levels: int = _ENCODINGS) -> str:
        clean = text
        if levels and "%" in text:
            clean = _PART.sub(lambda found: self._encoded(found[0], levels), text)
        if self._held is not None:
            clean = self._held.sub(MASK, clean)
        clean = _USER_INFO.sub(_without_user, _WEBHOOK.sub(rf"\1{MASK}", _KNOWN.sub(MASK, clean)))
        clean = _AUTHORIZATION.sub(rf"\1{MASK}", _BEARER.sub(lambda found: f"{found[1] or found[2]} {MASK}", clean))
        clean = _QUERY_KEY.sub(rf"\1{MASK}", clean)
        return _without_values(_OPTION_VALUE, _without_values(_ASSIGNED, clean))

    def _encoded(self, part: str, levels: int) -> str:
        """Return a percent-encoded part of a text, such as an address in the query of another, without secrets."""
        decoded = unquote(part)
        clean = self._clean(decoded, levels - 1) if decoded != part else decoded
        # What was not encoded stays so.
        return part if clean == decoded else quote(clean, safe=_ENCODED.sub("", part) + MASK)

    def command(self, arguments: Sequence[str], path: Path = ()) -> list[str]:
        """Return the arguments of a command line without secrets: also `--password VALUE`, in two arguments."""
        shown = []
        for position, (given, clean) in enumerate(zip(arguments, _command(arguments), strict=True)):
            if clean != given:
                self._note((*path, position))
            shown.append(self.text(clean, (*path, position)))
        return shown

    def _field(self, name: str, member: Any, path: Path) -> Any:
        if name in ("config", "parameters"):
            return self.value(member, path)
        texts = member if isinstance(member, list) else [member]
        if name in _IDENTIFYING and all(isinstance(text, str) for text in texts):
            return member
        return self.manifest(member, path)

    def _object(self, value: Mapping[str, Any], path: Path, *, secret: bool) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        for key, member in value.items():
            name = shown = self.text(key, path)
            number = 2
            while name in clean:
                name, number = f"{shown}-{number}", number + 1
            # A number that is called token is one of a text's: token 0 ends it.
            hidden = secret or (is_secret_name(key) and not (_is_token_id(member) and _words(key)[-1:] == ["token"]))
            clean[name] = self.value(member, (*path, name), secret=hidden)
        return clean

    def _note(self, path: Path) -> None:
        place = path_text(path)
        if place not in self.masked:
            self.masked.append(place)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def _is_token_id(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value < _TOKEN_IDS


def _without_user(found: re.Match[str]) -> str:
    """Return the part of an address before its host: git@ is nobody's name, and any other is masked."""
    return found[0] if found[0] == "git@" else f"{MASK}@"


def _decoded(name: str) -> str:
    """Return a name without percent-encoding, however often it was encoded."""
    for _ in range(_ENCODINGS):
        name = unquote(name)
    return name


def _without_values(pattern: re.Pattern[str], text: str) -> str:
    """Return a text without the values of secret names; what follows any other name may itself be name and value.

    So in `https://host/?token=x` the scheme, which looks like a name, does not hide the name in its value.
    """
    parts: list[str] = []
    start = 0
    while found := pattern.search(text, start):
        # The value is only read after a secret name, so that the time does not grow with the square of the text.
        value = _VALUE.match(text, found.end()) if is_secret_name(_decoded(found["name"])) else None
        parts.append(text[start : found.end()])
        start = found.end()
        if value is not None:
            opened = re.match(r"""\\?["']?""", value[0])
            opening = opened[0] if opened else ""
            closing = opening if value[0].endswith(opening) and len(value[0]) > len(opening) else ""
            parts.append(f"{opening}{MASK}{closing}")
            start = value.end()
    return "".join([*parts, text[start:]])


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
