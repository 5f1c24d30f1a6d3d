"""Which texts ask for a picture, and what becomes of an earlier picture's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.chat.tools.picture_words import change, language_of, wish


@pytest.mark.parametrize(
    ("text", "prompt", "language"),
    [
        ("Draw me a red fox, flat style", "a red fox, flat style", "en"),
        ("draw a cat", "a cat", "en"),
        ("Please draw a cat and a dog!", "a cat and a dog", "en"),
        ("Could you paint me a lighthouse, please?", "a lighthouse", "en"),
        ("Make a picture of a blue car", "a blue car", "en"),
        ("create another small icon of an apple", "an apple", "en"),
        ("generate an image of two birds on a branch", "two birds on a branch", "en"),
        ("Dessine-moi un mouton", "un mouton", "fr"),
        ("Dessine un chat, fond bleu, s’il te plaît.", "un chat, fond bleu", "fr"),
        ("Pourriez-vous me dessiner une maison ?", "une maison", "fr"),
        ("dessinez-nous l'arbre", "l'arbre", "fr"),
        ("Fais-moi une image d’un renard roux", "un renard roux", "fr"),
        ("Crée une belle illustration de tulipes", "tulipes", "fr"),
        ("peins-moi un bateau", "un bateau", "fr"),
    ],
)
def test_what_plainly_asks_for_a_picture_says_what_is_to_be_seen(
    text: str, prompt: str, language: str
) -> None:
    found = wish(text)
    assert found is not None
    assert (found.prompt, found.language) == (prompt, language)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Draw",
        "What should I draw?",
        "How do I draw a cat?",
        "I like to draw cats",
        "Draw a conclusion from these figures",
        "draw up a contract for a cat",
        "Draw me a diagram of the water cycle",
        "Draw a flow chart",
        "draw a cat in ASCII art",
        "Draw a circle with CSS",
        "Make a table of the planets",
        "Make a picture",
        "Explain this picture of a cat",
        "Draw on your experience and tell me about cats",
        "Withdraw my application",
        "Dessine un diagramme de classes",
        "Dessine-moi un schéma du réseau",
        "Dessine un rond en SVG",
        "Comment dessiner un chat ?",
        "J’aime dessiner des chats",
        "Fais un tableau des planètes",
        "Fais-moi un résumé de ce dessin",
        "Draw me " + "a very long story " * 40,
    ],
)
def test_what_does_not_is_left_to_the_model(text: str) -> None:
    assert wish(text) is None


@pytest.mark.parametrize(
    ("text", "before", "after", "without"),
    [
        ("make it blue", "a cat", "a blue cat", ""),
        ("Make it orange.", "a red cat on a blue rug", "an orange cat on a blue rug", ""),
        ("now make the background green", "a cat", "a cat, green background", ""),
        ("change the background to red", "a cat, green background", "a cat, red background", ""),
        ("same without the hat", "a cat with a red hat, flat", "a cat, flat", "hat"),
        ("the same, but without the hat please", "a cat", "a cat", "hat"),
        ("remove the hat", "a cat and a hat", "a cat", "hat"),
        ("same with a red hat", "a cat", "a cat, with a red hat", ""),
        ("rends-le vert", "a cat on a roof", "a green cat on a roof", ""),
        ("make it gold", "un chat sur un toit", "un chat doré sur un toit", ""),
        ("rends-le doré", "a blue cat", "a golden cat", ""),
        ("add a hat", "a cat", "a cat, a hat", ""),
        ("make it bigger", "a cat", "a cat, bigger", ""),
        ("make it a bit bigger", "a cat", "a cat, a bit bigger", ""),
        ("make it a dog", "a fox on a green background", "a dog on a green background", ""),
        ("Turn it into two dogs!", "a fox, flat", "two dogs, flat", ""),
        ("turn it into a watercolour", "a fox", "a fox, a watercolour", ""),
        ("replace the cat with a dog", "a cat and a bird", "a dog and a bird", ""),
        ("change the hat to a crown", "a cat with a hat", "a cat with a crown", ""),
        ("fais-en un chien", "un renard sur fond vert", "un chien sur fond vert", ""),
        ("transforme-le en une souris", "un renard", "une souris", ""),
        ("remplacez le chat par un chien", "un chat dans un pré", "un chien dans un pré", ""),
        ("another one", "a cat", "a cat", ""),
        ("Rends-le bleu", "un chat", "un chat bleu", ""),
        ("rends-la rouge", "une maison bleue sur fond vert", "une maison rouge sur fond vert", ""),
        ("mets le fond en vert", "un chat, fond bleu", "un chat, fond vert", ""),
        ("la même sans le chapeau", "un chat avec un chapeau rouge", "un chat", "chapeau"),
        ("Enlève le chapeau", "un chat avec un chapeau", "un chat", "chapeau"),
        ("la même image avec un chapeau", "un chat", "un chat, avec un chapeau", ""),
        ("une autre", "un chat", "un chat", ""),
    ],
)  # fmt: skip
def test_a_change_changes_the_earlier_words(
    text: str, before: str, after: str, without: str
) -> None:
    found = change(text, before)
    assert found is not None
    assert (found.prompt, found.without) == (after, without)


@pytest.mark.parametrize(
    "text",
    ["thank you", "make tea", "why is it blue?", "what is the same?", "merci", "rends l’argent",
     "without doubt it is the same as before, and I wonder why " * 10, "tell me another",
     "replace the tyre with a new one", "change the subject to a lighter one"],
)  # fmt: skip
def test_what_is_no_change_is_left_to_the_model(text: str) -> None:
    assert change(text, "a cat") is None


def test_the_language_is_that_of_the_words() -> None:
    assert language_of("un chat sur un toit") == "fr"
    assert language_of("éléphant") == "fr"
    assert language_of("a cat on a roof") == "en"


@given(st.text(max_size=200), st.text(min_size=1, max_size=100))
def test_any_text_is_read_without_failing(text: str, before: str) -> None:
    for asked in (text, f"draw {text}", f"make it {text}", f"sans {text}"):
        assert wish(asked) is None or wish(asked).prompt  # type: ignore[union-attr]
        assert change(asked, before) is None or change(asked, before).prompt  # type: ignore[union-attr]
