"""The page speaks English and French, each completely, and nothing outside its dictionaries."""

import re
from pathlib import Path

import consigne.web

WEB = Path(consigne.web.__file__).parent
SOURCES = sorted((WEB / "app").rglob("*.js"))
NARROW = "\u202f"
_ENTRY = re.compile(r'^  "([^"]+)": "((?:[^"\\]|\\.)*)",$')
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\w])//[^\n]*", re.DOTALL)
_TAGGED_TEXT = re.compile(r"""(?<=[\w"}/']>)([^<>{}();=`]*[A-Za-zÀ-ÿ]{2}[^<>{}();=`]*)<[/\w$]""")
_ATTRIBUTE = re.compile(r"""\b(?:aria-label|title|placeholder|alt)="([^"]*[A-Za-z]{2}[^"]*)\"""")
_SAID_AS_IS = {"Consigne", "consigne users link", "http://…/#token=…", "/"}


def words(language: str) -> dict[str, str]:
    lines = (WEB / "i18n" / f"{language}.js").read_text("utf-8").splitlines()
    assert lines[0] == "export default {"
    assert lines[-1] == "};"
    found = [_ENTRY.match(line) for line in lines[1:-1] if line]
    assert all(found), "every entry stands on one line"
    entries = [match.groups() for match in found if match]
    assert len(entries) == len(dict(entries)), "no key stands twice"
    return dict(entries)


EN, FR = words("en"), words("fr")


def test_both_languages_have_the_same_keys() -> None:
    assert EN.keys() == FR.keys()
    assert list(EN) == list(FR), "in the same order, so that they can be read side by side"


def test_both_languages_fill_the_same_places() -> None:
    def places(text: str) -> list[str]:
        return sorted(re.findall(r"\{(\w+)\}", text))

    assert {key for key in EN if places(EN[key]) != places(FR[key])} == set()


def test_french_punctuation_has_its_narrow_spaces() -> None:
    wrong = re.compile(rf"(?<!{NARROW})[;:!?»](?!\w)|«(?!{NARROW})|'")
    assert {key: text for key, text in FR.items() if wrong.search(text)} == {}


def test_words_are_calm() -> None:
    said = [*EN.items(), *FR.items()]
    assert [key for key, text in said if "!" in text or not text or text != text.strip()] == []


SECTIONS = {key.split(".")[0] for key in EN}


def keys_in(source: str) -> set[str]:
    """The strings in a module that name words: ``"section.key"``, alone or between two keys."""
    found = re.findall(r'"([a-zA-Z]+(?:\.[a-zA-Z_]+)+)"', source)
    return {key for key in found if key.split(".")[0] in SECTIONS and not key.endswith(".js")}


def test_every_key_that_the_page_asks_for_exists() -> None:
    known = EN.keys() | {key.removesuffix(".one") for key in EN if key.endswith(".one")}
    source = "\n".join(path.read_text("utf-8") for path in SOURCES)
    assert keys_in(source) - known == set()
    prefixes = set(re.findall(r"\bt\(\s*`([a-zA-Z.]+\.)\$\{", source))
    assert {prefix for prefix in prefixes if not any(k.startswith(prefix) for k in EN)} == set()


def test_every_key_is_used() -> None:
    everything = "\n".join(path.read_text("utf-8") for path in SOURCES)
    prefixes = tuple(re.findall(r"`([a-zA-Z]+\.(?:[a-zA-Z]+\.)?)\$\{", everything))
    unused = {
        key
        for key in EN
        if f'"{re.sub(r"[.](one|other)$", "", key)}"' not in everything
        and not key.startswith(prefixes)
    }
    assert unused == set()


def test_no_text_stands_in_a_template() -> None:
    source = _COMMENT.sub("", "\n".join(path.read_text("utf-8") for path in SOURCES))
    text = {said.strip() for said in _TAGGED_TEXT.findall(source)}
    text |= set(_ATTRIBUTE.findall(source))
    assert text - _SAID_AS_IS == set()
