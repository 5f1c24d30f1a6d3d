"""Joined modules do what they do apart, and what can't be joined is refused."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from consigne.web.bundle import bundle, imported

APART = {
    "app/main.js": """import { note as tell } from "./log.js";
import path, { basename } from "node:path";
import { counter, double } from "./deep/count.js";
import * as shapes from "./shapes.js";
import {
  later,
  title,
} from "./deep/count.js";
import "./first.js";

tell(`main ${title} ${counter.value} ${double(4)} ${shapes.Square.name}`);
tell(`${path.extname(basename("a/b.c"))}`);
const { word } = await later("fr");
tell(word);
export const importance = "import { not, one } from here";
tell(importance);
""",
    "app/log.js": """const title = "log";

/**
 * Say it.
 */
export function note(/** @type {string} */ text) {
  console.log(`${title}: ${text}`);
}
""",
    "app/deep/count.js": """import { note } from "../log.js";

export const title = "count";
export const counter = { value: 3 };

export function double(number) { return number * 2; }
export async function later(language) { return import(`../../words/${language}.js`); }
note("count is evaluated");
""",
    "app/shapes.js": """import { note } from "./log.js";

export class Square {}
note("shapes are evaluated");
""",
    "app/first.js": """import { note } from "./log.js";

note("first is evaluated");
""",
    "words/fr.js": """export const word = "mot";
""",
}


def run(folder: Path, sources: Mapping[str, str], entry: str) -> str:
    node = shutil.which("node")
    assert node, "Node runs the modules"
    for name, source in {**sources, "package.json": '{"type": "module"}'}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source)
    ran = subprocess.run([node, folder / entry], capture_output=True, text=True, check=True)
    return ran.stdout


def test_joined_modules_say_the_same_in_the_same_order(tmp_path: Path) -> None:
    made = bundle(APART, "app/main.js", "bundles/all.js")
    apart = run(tmp_path / "apart", APART, "app/main.js")
    joined = run(tmp_path / "joined", {**APART, "bundles/all.js": made.code}, "bundles/all.js")
    assert joined == apart
    assert apart.splitlines()[-1] == "log: import { not, one } from here"
    assert set(made.addresses) == APART.keys() - {"words/fr.js"}
    assert "Say it" not in made.code


def test_what_is_loaded_later_gets_what_the_joined_modules_have(tmp_path: Path) -> None:
    sources = {
        "main.js": 'import { a } from "./one.js";\nimport { b } from "./sub/two.js";\n'
        "export const first = a(b);\n",
        "one.js": "export function a(x) { return x + 1; }\nexport const same = 1;\n",
        "sub/two.js": "export const b = 2;\nexport const same = 2;\n",
    }
    made = bundle(sources, "main.js", "bundles/all.js")
    assert set(made.addresses) == sources.keys()
    assert made.addresses["main.js"] == "bundles/all.js"
    paths = [made.addresses[name] for name in ("main.js", "one.js", "sub/two.js")]
    later = "".join(f'import * as m{n} from "./{path}";\n' for n, path in enumerate(paths))
    later += "console.log(m0.first, m1.a(4), m1.same, m2.same, m2.b);\n"
    files = {"bundles/all.js": made.code, **made.doors, "later.js": later}
    assert run(tmp_path, files, "later.js") == "3 5 1 2 2\n"


@pytest.mark.parametrize(
    "line",
    [
        "export * from './other.js';",
        "export let changing = 1;",
        "export { a };",
        "export default 1;",
        "import { a } from './single.js';",
        "import data from './x.json' with { type: 'json' };",
    ],
)
def test_other_forms_are_refused_by_name(line: str) -> None:
    with pytest.raises(ValueError, match=r"^main\.js: a form that can't be joined: "):
        bundle({"main.js": f"{line}\n"}, "main.js", "all.js")


def test_modules_that_import_each_other_are_refused() -> None:
    sources = {
        "main.js": 'import { a } from "./a.js";\na();\n',
        "a.js": 'import { b } from "./b.js";\nexport function a() { b(); }\n',
        "b.js": 'import { a } from "./a.js";\nexport function b() { a(); }\n',
    }
    with pytest.raises(ValueError, match=r"a\.js > b\.js > a\.js"):
        bundle(sources, "main.js", "all.js")


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"main\.js imports gone\.js"):
        bundle({"main.js": 'import { a } from "./gone.js";\n'}, "main.js", "all.js")


def test_imports_are_told_with_what_they_take() -> None:
    assert next(imported(APART, "app/main.js")) == ("app/log.js", "{ note as tell }")
