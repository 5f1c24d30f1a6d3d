"""Text that grows is drawn as the whole would be, whatever it is and wherever it was cut."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.async_api import Page

pytestmark = pytest.mark.slow

LINES = st.sampled_from(
    [
        "A line of text",
        "  indented",
        "",
        "",
        "# Heading",
        "#",
        "---",
        "-",
        "- item",
        "- [ ] to do",
        "  - inner",
        "1. first",
        "2. second",
        "> quoted",
        "```python",
        "```",
        "x = 1  # *not* emphasis",
        "| a | b |",
        "| --- | ---: |",
        "| 1 | **2** |",
        "    indented code",
        "**bold** and `code` and [link](https://example.org)",
        "![picture](https://example.org/p.png)",
        "<script>alert(1)</script>",
        "===",
        "* * *",
    ]
)
GROW = """async (examples) => {
  const main = document.querySelector('script[type=module]').src;
  const { MarkdownBlocks } = await import(main.replace('main.js', 'markdown/blocks.js'));
  return examples.map(([text, cuts]) => {
    const growing = new MarkdownBlocks();
    for (const cut of cuts) growing.update(text.slice(0, cut), true);
    return [growing.update(text, true), new MarkdownBlocks().update(text, false)];
  });
}"""


@pytest.fixture
async def sheet(chat: Page) -> Page:
    return chat


async def test_growing_text_is_drawn_as_the_whole(sheet: Page) -> None:
    examples: list[list[Any]] = []

    @settings(
        max_examples=300, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(LINES, max_size=14).map("\n".join), st.data())
    def collect(text: str, data: st.DataObject) -> None:
        cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12).map(sorted))
        examples.append([text, cuts])

    collect()
    drawn = await sheet.evaluate(GROW, examples)
    for (text, cuts), (grown, whole) in zip(examples, drawn, strict=True):
        assert grown == whole, (text, cuts)


async def test_a_long_answer_stays_cheap_to_draw(sheet: Page) -> None:
    """What is parsed for one more word must not grow with what stands before it."""
    short, long = await sheet.evaluate(
        """async () => {
      const main = document.querySelector('script[type=module]').src;
      const { MarkdownBlocks } = await import(main.replace('main.js', 'markdown/blocks.js'));
      const { parser } = await import(main.replace('main.js', 'markdown/render.js'));
      const paragraph = 'Some words, *stressed* and plain, in a paragraph. '.repeat(8);
      let parsed = 0;
      const { parse } = parser;
      parser.parse = (text, env) => {
        parsed += text.length;
        return parse.call(parser, text, env);
      };
      const cost = (count) => {
        const blocks = new MarkdownBlocks();
        let text = '';
        for (let n = 0; n < count; n++) blocks.update((text += paragraph + '\\n\\n'), true);
        parsed = 0;
        for (let n = 0; n < 50; n++) blocks.update((text += 'word '), true);
        return parsed;
      };
      return [cost(5), cost(400)];
    }"""
    )
    assert 0 < long <= short
