"""Tables in LaTeX."""

from bifseg.reports.latex import latex_table


def test_code_in_a_caption_is_set_as_code():
    text = latex_table(["n"], [], [("", [["1"]])], "x", "See `t_p`, and `a`.")
    assert r"\caption{See \texttt{t\_p}, and \texttt{a}.}" in text
    assert "`" not in text
