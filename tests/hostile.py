"""Inputs nobody means to give: numbers, texts, and files with a mistake in them."""

import random

from hypothesis import strategies as st

NUMBERS = (
    "", "0", "-0", "-1", ".5", "1", "480k", "1.92M", "1e18", "1e19", "1e-300", "1e308", "1e309",
    "-1e9999999", "1e1000000", "0e99999999999999999999", "9" * 400, "1" * 20_000 + "x", "nan",
    "-nan", "inf", "-inf", "Infinity", "1,200", "1_000", "0x10", "١٢", "1e", "e5", "1.2.3", "½",
    "1%", "--", "1k k", "1K", "1e5k", "NaN", "None", "true", "1/2", "+5", " 7 ", "7\n", "²",
)  # fmt: skip
NAMES = (
    "=cmd|' /C calc'!A0", "@SUM(A1)", "+1+1", "-2+3", "\t=1", "<script>alert(1)</script>",
    "\\input{/etc/passwd}", "$x^2$", "a|b", "[x](http://e)", "loss [@x]", "\x1b[31mred", "a\u202eb",
    "\u2066x\u2069", "`code`", "{{ 7*7 }}", "%s%n", "../../x", "a\x00b", "名前", "é" * 300, "", " ",
)  # fmt: skip

numbers = st.one_of(
    st.sampled_from(NUMBERS), st.floats().map(repr), st.integers(-(10**30), 10**30).map(str),
    st.text("0123456789.eE+-kKmMbBtT,_ ", max_size=30), st.text(max_size=12),
)  # fmt: skip
names = st.one_of(
    st.sampled_from(NAMES), st.text(max_size=20), st.sampled_from(("A", "B", "A+B", "C"))
)


def mutated(text: str, seed: int) -> str:
    """A text with one to three mistakes in it, the same for the same seed."""
    rng = random.Random(seed)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        match rng.randrange(7):
            case 0:
                text = text[:at] + text[at + rng.randint(1, 5) :]
            case 1:
                text = (
                    text[:at]
                    + rng.choice("\n\t,;:=\"'[]{}#+-.eE0123456789\x00\u202e\\é")
                    + text[at:]
                )
            case 2:
                text = text[:at] + rng.choice(NUMBERS[:-1]) + text[at:]
            case 3:
                text = text[:at] + rng.choice(NAMES) + text[at:]
            case 4:
                text = text[:at]
            case 5:
                lines = text.split("\n")
                rng.shuffle(lines)
                text = "\n".join(lines)
            case _:
                words = text.split(",")
                k = rng.randrange(len(words))
                words[k] = rng.choice(NUMBERS)
                text = ",".join(words)
    return text
