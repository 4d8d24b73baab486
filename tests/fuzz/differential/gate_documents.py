# SPDX-License-Identifier: Apache-2.0
"""Documents for the differential, from a seed: good JSON full of edges, and mutations of it."""
import random

FRAGMENTS = [
    "a", "b", "name", "0", " ", "~", "/", "'", "\x7f", "é", "ÿ", "߿", "ࠀ", "€", "\ud7ff",
    "\ue000", "\ufeff", "\uffff", "𐀀", "😀", "\U0010ffff", "\u2028", "\\n", "\\t", "\\\"",
    "\\\\", "\\/", "\\b", "\\u0061", "\\u00e9", "\\u0001", "\\u001F", "\\uFFFF", "\\ud83d\\ude00",
    "\\uDBFF\\uDFFF", "\\\\u0000", "abcdefgh", "long text of plain ASCII letters, ",
]
BAD_FRAGMENTS = [
    "\\u0000", "\\ud800", "\\udc00", "\\ud800\\u0041", "\\ud800\\ud800", "\\x", "\\u12", "\\", "\n",
    "\t", "\x01",
]
NUMBERS = [
    "0", "-0", "0.0", "-0.0", "1", "-1", "10", "0.5", "1.50", "1e5", "1E+5", "1e-5",
    "123456789012345678901234567890", "9007199254740993", "18446744073709551616",
    "-9223372036854775809", "1e308", "1e309", "5e-324", "0e99999", "0E-100",
    "3.14159265358979323846264338327950288", "1e0000000000000000000007",
]
EDGES = [
    "1e131071", "1e131072", "10e131070", "10e131071", "9.99e131071", "0.0001e131075",
    "0.0001e131076", "1e-16383", "1e-16384", "1.0e-16382", "1.0e-16383", "10e-16383", "10e-16384",
    "0e-16383", "0e-16384", "0e1073741822", "0e1073741823", "0.0e131072", "1e200000", "1e-99999",
    "0e-99999", "1e99999999999999999999", "0e99999999999999999999",
]
TOKENS = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"0", b"-", b"+", b".", b"e", b"E1", b"1e5",
    b"01", b"null", b"true", b"nul", b"NaN", b"Infinity", b" ", b"\t", b"\n", b"\r", b"\x0b",
    b"\x00", b"\x1f", b"\x7f", b"\x80", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xe0\x80\x80", b"\xef\xbb\xbf", b"\xc3", b"\xf0\x9f\x98", b"\\u0000", b"\\ud800", b"\\ude00",
    b"\\u00", b"/*", b"//", b"'", b'"a":1,', b'""', b"[[[[[[[[", b"]]]]]]]]", b"\xc2\xa0", b"1.",
    b".5", b"0x1", b"--",
]
SPACES = [
    "", "", "", "", "", " ", "\n", "\t", "\r\n", "  ",
]


class Generator:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.last = b"{}"

    def number(self):
        r = self.r
        kind = r.random()
        if kind < 0.6:
            return r.choice(NUMBERS)
        if kind < 0.9:
            text = r.choice(["", "-"]) + str(r.randrange(10 ** r.randrange(1, 40)))
            if r.random() < 0.5:
                text += "." + "".join(r.choices("0123456789", k=r.randrange(1, 30)))
            if r.random() < 0.4:
                text += r.choice("eE") + r.choice(["", "+", "-"]) + str(r.randrange(400))
            return text
        if kind < 0.995:
            return str(r.randrange(-1000, 1000))
        if kind < 0.998:
            return r.choice(["", "-"]) + r.choice(EDGES)
        return self.long_number()

    def long_number(self):
        """Near the edges of numeric: so many digits, so many after the point, such an exponent."""
        r = self.r
        before = r.choice([1, 5, 131071, 131072, 131073])
        after = r.choice([0, 1, 16382, 16383, 16384, 20000])
        text = r.choice("123456789") + "".join(r.choices("0123456789", k=7)) * (before // 7 + 1)
        text = text[:before]
        if r.random() < 0.3:
            text = "0"
        if after:
            text += "." + (r.choice(["0", "9", "01"]) * after)[:after]
        if r.random() < 0.5:
            edge = r.choice([1, -1, 5, 16383, -16383, 131071, -131071])
            text += "e" + str(edge + r.randrange(-2, 3))
        return text

    def string(self):
        r = self.r
        parts = r.choices(FRAGMENTS, k=r.choice([0, 1, 1, 2, 3, 5, 9]))
        if r.random() < 0.01:
            parts.insert(r.randrange(len(parts) + 1), r.choice(BAD_FRAGMENTS))
        return '"' + "".join(parts) + '"'

    def spaced(self, text):
        return self.r.choice(SPACES) + text + self.r.choice(SPACES)

    def name(self):
        r = self.r
        kind = r.random()
        if kind < 0.7:
            return '"%s%d"' % (r.choice("abk"), r.randrange(200))
        if kind < 0.8:
            return r.choice(['"a"', '"\\u0061"', '"b"', '"\\u0062"', '""', '"é"', '"\\u00e9"', '"😀"',
                             '"\\ud83d\\ude00"'])
        return self.string()

    def value(self, depth):
        r = self.r
        kind = r.random()
        if depth > 0 and kind < 0.35:
            count = r.choice([0, 1, 2, 3, 5, 20 if depth > 2 else 4])
            members = [self.spaced(self.name()) + ":" + self.spaced(self.value(depth - 1))
                       for _ in range(count)]
            return "{" + ",".join(members) + "}"
        if depth > 0 and kind < 0.5:
            items = [self.spaced(self.value(depth - 1)) for _ in range(r.randrange(5))]
            return "[" + ",".join(items) + "]"
        if kind < 0.7:
            return self.string()
        if kind < 0.9:
            return self.number()
        return r.choice(["null", "true", "false"])

    def nested(self):
        r = self.r
        depth = r.choice([30, 31, 32, 33, 34, 64])
        inside = r.choice(["1", "", '{"a":1}', "[]"])
        opening = r.choice(["[", '{"a":'])
        if opening == "[":
            return "[" * depth + inside + "]" * depth
        return opening * depth + (inside or "null") + "}" * depth

    def wide(self):
        """Around the cap of members, and objects big enough for the table of names."""
        r = self.r
        count = r.choice([15, 16, 17, 18, 40, 255, 256, 257])
        names = [str(n) for n in range(count)]
        if r.random() < 0.4:
            names[r.randrange(count)] = names[r.randrange(count)]
        return "{" + ",".join('"%s":%d' % (n, r.randrange(10)) for n in names) + "}"

    def mutate(self, text):
        r = self.r
        for _ in range(r.choice([1, 1, 1, 2, 4])):
            at = r.randrange(len(text) + 1)
            to = min(len(text), at + r.choice([1, 1, 2, 4, 12]))
            kind = r.randrange(6)
            if kind == 0:
                text = text[:at] + text[to:]
            elif kind == 1:
                text = text[:to] + text[at:]
            elif kind == 2:
                text = text[:at] + r.choice(TOKENS) + text[at:]
            elif kind == 3:
                text = text[:at] + r.choice(TOKENS) + text[to:]
            elif kind == 4 and text:
                at = min(at, len(text) - 1)
                text = text[:at] + bytes([text[at] ^ 1 << r.randrange(8)]) + text[at + 1:]
            else:
                cut = r.randrange(len(self.last) + 1)
                text = text[:at] + self.last[cut:cut + 40] + text[to:]
        return text

    def document(self):
        r = self.r
        kind = r.random()
        if kind < 0.93:
            text = self.spaced(self.value(r.choice([0, 1, 2, 3, 4])))
        elif kind < 0.96:
            text = self.nested()
        elif kind < 0.97:
            text = self.wide()
        elif kind < 0.998:
            text = "[" + self.number() + "," + self.string() + "]"
        else:
            text = r.choice(EDGES)
        data = text.encode("utf-8", "surrogatepass")
        whole = data
        if r.random() < 0.45:
            data = self.mutate(data)
        self.last = whole[:200]
        return data
