"""What a page of HTML holds."""

from html.parser import HTMLParser


class Reader(HTMLParser):
    """Collects links, ids and the cells of tables, and checks that tags are closed in order."""

    EMPTY = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self, html):
        super().__init__()
        self.links, self.ids, self.open, self.rows = [], set(), [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.links += [value for key, value in attrs if key in ("src", "href")]
        self.ids |= {value for key, value in attrs if key == "id"}
        if tag not in self.EMPTY:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
