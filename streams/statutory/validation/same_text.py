"""Compares texts of the template with those of a file, forgiving what spreadsheets and people change unnoticed."""

_ALIKE = str.maketrans(
    {
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{NO-BREAK SPACE}": " ",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    }
)

# Annex II, part II, 1.5.1 calls the scope "Decisions omitted"; the template calls it "Decision omitted".
_SYNONYMS = {"decisions omitted": "decision omitted"}


def plain(text: str) -> str:
    """Give a text in small letters, without typographic variants and with single blanks."""
    words = " ".join(text.translate(_ALIKE).lower().split())
    return _SYNONYMS.get(words, words)
