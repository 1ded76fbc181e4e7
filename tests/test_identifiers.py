"""Identifiers and keys: published vectors, every spelling, every slip of one digit, no leak."""

import os
import re
import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desistance import check_identifiers
from desistance.errors import DataError, OutputError, SourceError
from desistance.identifiers import (
    REASONS,
    SCHEMES,
    PseudonymKey,
    in_git_work_tree,
    make_key_file,
    make_pseudonyms,
    read_key_file,
)
from desistance.identifiers.forms import LETTERS, check_letters

KEY = PseudonymKey(bytes(range(32)))


def checked(*texts, scheme="pnc", year=2026):
    return check_identifiers(pd.Series(texts, dtype="string"), scheme, year=year)


def canonical(*texts, **options):
    return checked(*texts, **options)["canonical"].tolist()


# --- published vectors ------------------------------------------------------------------------

# HMPPS, hmpps-person-record, tests of PNCIdentifier and CROIdentifier.
PNC = {
    "81/34U": "1981/0000034U",
    "02/73319Z": "2002/0073319Z",
    "00/223R": "2000/0000223R",
    "79163001B": "1979/0163001B",
    "033Y": "2003/0000003Y",
    "67/9893091D": "1967/9893091D",
    "2002/73319Z": "2002/0073319Z",  # four digits of year, no zeros: split on the slash
}
NOT_PNC = {
    "20030011985Z": "check",
    "20120052494O": "letter",
    "20230583843N": "check",
    "2001/0171310S": "letter",
    "1X23/1234567A": "form",
}
CRO = {"65656/91H": "065656/91H", "SF05/482703J": "SF05/482703J", "SF83/50058Z": "SF83/50058Z"}


def test_published_pnc_numbers():
    assert canonical(*PNC) == list(PNC.values())
    assert checked(*NOT_PNC)["reason"].tolist() == list(NOT_PNC.values())
    assert not checked(*NOT_PNC)["valid"].any()


def test_published_cro_numbers():
    assert canonical(*CRO, scheme="cro") == list(CRO.values())
    assert checked("85227/65G", scheme="cro")["reason"].tolist() == ["check"]


@pytest.mark.parametrize(
    "spelling",
    [
        "2002/0073319Z", "02/73319Z", "2002/73319Z", " 2002/0073319z ", "2002-0073319Z",
        "2002 / 0073319 Z", "2002–0073319Z", "20020073319Z", "0273319Z", "02 73319 z",
        "2002/0073319-Z", "２００２/００７３３１９Ｚ", "2002⁄0073319Z", "2002/\u200b0073319Z\ufeff",
        "2002\xa0/0073319Ζ",  # a Greek letter
    ],
)  # fmt: skip
def test_spellings_of_one_number_are_one(spelling):
    assert canonical(spelling) == ["2002/0073319Z"]


def test_a_cyrillic_letter_is_read_as_the_one_it_looks_like():
    number = 99 * 10**7 + 123456
    letter = check_letters(np.arange(number, number + 23)).tolist().index("A")
    plain = f"1999/{123456 + letter:07d}A"
    assert canonical(plain.replace("A", "А"), plain.replace("A", "а")) == [plain, plain]


@pytest.mark.parametrize(
    ("scheme", "spellings", "one"),
    [
        ("noms", ["A1234BC", " a1234bc", "A 1234 BC", "А1234ВС"], "A1234BC"),
        ("crn", ["X123456", "x 123456", "Х123456"], "X123456"),
        ("asn", ["11/33AB/01/12X", "11/33ab/01/00000000012X", "1133AB0100000000012X",
                 "11-33AB-01-12-X"], "11/33AB/01/00000000012X"),
        ("local", ["Niche 12", " niche  12 "], "NICHE 12"),
        ("cro", ["065656/91H", "65656-91h", "06565691H", " 65656 / 91 H"], "065656/91H"),
        ("cro", ["SF05/482703J", "sf05482703j", "SF 05 - 482703 J"], "SF05/482703J"),
    ],
)  # fmt: skip
def test_spellings_of_the_other_schemes(scheme, spellings, one):
    assert set(canonical(*spellings, scheme=scheme)) == {one}


def test_the_century_comes_from_the_year_given():
    [letter] = check_letters(np.array([27 * 10**7 + 5]))
    short = f"27/5{letter}"
    assert canonical(short, year=2026) == [f"1927/0000005{letter}"]
    assert canonical(short, year=2027) == [f"2027/0000005{letter}"]
    assert checked(f"2027/0000005{letter}", year=2026)["reason"].tolist() == ["year"]
    assert checked(f"1827/0000005{letter}", year=2026)["reason"].tolist() == ["year"]


def test_a_batch_is_never_an_exception():
    odd = [
        *("", None, "   ", "/", "//", "Z", "1/1Z", "\ud83d", "x" * 999, "٠٢/٧٣٣١٩Z", "02/73319"),
        *("99999999999999999999999Z", "SF/Z", "-", "2002/73 319Z", "\x00", "nan", "0/ZZ"),
    ]
    for scheme in SCHEMES:
        found = checked(*odd, scheme=scheme)
        assert found["valid"].equals(found["canonical"].notna())
        assert set(found.loc[~found["valid"], "reason"]) <= set(REASONS)
        assert (found.loc[found["valid"], "reason"] == "").all()
    assert checked(None, "", "  ")["reason"].tolist() == ["empty"] * 3
    assert canonical("2002/73 319Z") == ["2002/0073319Z"]


def test_the_index_stays_and_nothing_is_asked_of_an_empty_series():
    found = check_identifiers(pd.Series(["033Y", "x"], index=["b", "a"]), "pnc", year=2026)
    assert found.index.tolist() == ["b", "a"]
    assert len(check_identifiers(pd.Series([], dtype="string"), "cro")) == 0


def test_an_unknown_scheme_or_a_missing_year_is_an_error():
    with pytest.raises(DataError, match="there are pnc, cro"):
        checked("1", scheme="nhs")
    with pytest.raises(DataError, match="pass the year"):
        checked("secret", year=None)


# --- properties -------------------------------------------------------------------------------


@st.composite
def written_pnc(draw):
    """One PNC number: its canonical spelling, and another accepted one."""
    year = draw(st.integers(1927, 2026))
    serial = draw(st.integers(1, 9_999_999))
    [letter] = check_letters(np.array([year % 100 * 10**7 + serial]))
    sign = draw(st.sampled_from(["/", "-", " ", " / ", "–", "⁄", ""]))
    full = draw(st.booleans())
    zeros = draw(st.booleans()) or (full and not sign)
    first = f"{year:04d}" if full else f"{year % 100:02d}"
    text = first + sign + (f"{serial:07d}" if zeros else str(serial))
    text += draw(st.sampled_from(["", " ", "-"])) + draw(st.sampled_from([letter, letter.lower()]))
    return f"{year:04d}/{serial:07d}{letter}", draw(st.sampled_from(["", " ", "\t"])) + text


@given(written_pnc())
def test_every_accepted_spelling_has_one_canonical(pair):
    one, text = pair
    assert canonical(text, one) == [one, one]


@given(st.integers(0, 99), st.integers(0, 999_999), st.booleans(), st.booleans())
def test_every_accepted_spelling_of_a_cro_number_has_one_canonical(year, serial, search, padded):
    if search:
        [letter] = check_letters(np.array([int(f"{year:02d}{serial}")]))
        one, text = f"SF{year:02d}/{serial}{letter}", f"sf{year:02d}-{serial} {letter}"
    else:
        [letter] = check_letters(np.array([year * 10**6 + serial]))
        one = f"{serial:06d}/{year:02d}{letter}"
        text = f"{serial:06d}-{year:02d}{letter}" if padded else f"{serial}/{year:02d}{letter}"
    assert canonical(text, one, scheme="cro") == [one, one]


@given(st.text(max_size=20))
def test_canonical_is_canonical_again(text):
    for scheme, rules in SCHEMES.items():
        [once] = canonical(text, scheme=scheme)
        if once is not pd.NA:
            assert canonical(once, scheme=scheme) == [once]
            assert re.fullmatch(rules.canonical, once)


def test_every_slip_of_one_digit_is_caught():
    rng = np.random.default_rng(3)
    years, serials = rng.integers(1930, 2026, 40), rng.integers(0, 10**7, 40)
    letters = check_letters(years % 100 * 10**7 + serials)
    slips = []
    for year, serial, letter in zip(years, serials, letters, strict=True):
        digits = f"{year:04d}{serial:07d}"
        slips += [
            f"{wrong[:4]}/{wrong[4:]}{letter}"
            for place in range(2, 11)  # the century is in no letter
            for digit in string.digits
            if digit != digits[place]
            for wrong in [digits[:place] + digit + digits[place + 1 :]]
        ]
    assert len(slips) == 40 * 9 * 9
    assert set(checked(*slips, year=2099)["reason"]) == {"check"}


def test_every_other_letter_is_caught():
    found = checked(*(f"2002/0073319{letter}" for letter in string.ascii_uppercase))
    assert found["valid"].sum() == 1
    assert (found["reason"] == "letter").sum() == 3
    assert (found["reason"] == "check").sum() == 22


def test_a_random_slip_gets_through_once_in_23():
    serials = np.random.default_rng(1).integers(0, 10**7, 20_000)
    share = checked(*(f"2002/{serial:07d}Z" for serial in serials))["valid"].mean()
    assert share == pytest.approx(1 / len(LETTERS), abs=0.006)  # four standard errors


def test_only_pnc_and_cro_are_verified():
    assert {name for name, scheme in SCHEMES.items() if scheme.verified} == {"pnc", "cro"}


# --- pseudonyms -------------------------------------------------------------------------------

# RFC 4231, sections 4.7 and 4.8: keys of 131 bytes.
RFC_4231 = {
    b"Test Using Larger Than Block-Size Key - Hash Key First":
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    b"This is a test using a larger than block-size key and a larger than block-size data. The "
    b"key needs to be hashed before being used by the HMAC algorithm.":
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
}  # fmt: skip


def test_the_digest_is_hmac_sha256():
    key = PseudonymKey(b"\xaa" * 131)
    assert {message: key.digest(message).hex() for message in RFC_4231} == RFC_4231


def test_pseudonyms_are_one_a_number_128_bits_and_never_a_number_themselves():
    numbers = pd.Series([f"X{n:06d}" for n in range(2_000)])
    made = make_pseudonyms(numbers, "crn", KEY)
    assert made.nunique() == 2_000
    assert made.str.fullmatch("p[0-9a-f]{32}").all()


def test_one_number_under_two_schemes_or_two_keys_cannot_be_linked():
    one = pd.Series(["X123456"])
    made = [
        make_pseudonyms(one, "crn", KEY)[0],
        make_pseudonyms(one, "local", KEY)[0],
        make_pseudonyms(one, "crn", PseudonymKey(bytes(range(1, 33))))[0],
    ]
    assert len(set(made)) == 3


def test_missing_stays_missing_and_the_index_stays():
    made = make_pseudonyms(pd.Series(["a", None, "a"], index=[5, 6, 7]), "local", KEY)
    assert made.isna().tolist() == [False, True, False]
    assert made[5] == made[7]


def test_two_numbers_on_one_pseudonym_stop_the_work(monkeypatch):
    monkeypatch.setattr(PseudonymKey, "digest", lambda self, message: b"\0" * 32)
    with pytest.raises(DataError, match="Two identifiers came to one pseudonym"):
        make_pseudonyms(pd.Series(["a", "b"]), "local", KEY)


# --- keys -------------------------------------------------------------------------------------


@pytest.fixture
def key_file(tmp_path):
    make_key_file(tmp_path / "keys" / "project.key")
    return tmp_path / "keys" / "project.key"


def refused(path, *, says, **options):
    with pytest.raises(SourceError, match=says) as caught:
        read_key_file(path, **options)
    assert str(path) not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_new_key_is_private_random_and_read_back(key_file):
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.parent.stat().st_mode & 0o777 == 0o700
    assert len(key_file.read_bytes()) == 32
    key = read_key_file(key_file)
    assert key.secret == key_file.read_bytes()
    assert make_key_file(key_file.with_name("other.key")).id != key.id


def test_a_key_in_use_is_never_replaced(key_file):
    before = key_file.read_bytes()
    with pytest.raises(OutputError, match="File exists"):
        make_key_file(key_file)
    assert key_file.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601])
def test_a_key_that_others_may_read_or_change_is_refused(key_file, mode):
    key_file.chmod(mode)
    refused(key_file, says="chmod 600")


def test_a_key_beside_the_data_or_the_output_is_refused(key_file):
    refused(key_file, says="lies in a folder of the data", apart_from=[key_file.parent])
    refused(key_file, says="lies in a folder of the data", apart_from=[key_file.parent.parent])
    assert read_key_file(key_file, apart_from=["sqlite:///x", key_file.parent / "data"])


def test_a_link_to_a_key_is_judged_where_the_key_lies(key_file, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.key"
    link.symlink_to(key_file)
    refused(link, says="lies in a folder of the data", apart_from=[key_file.parent])


def test_a_key_under_version_control_is_refused(key_file):
    (key_file.parent.parent / ".git").mkdir()
    assert in_git_work_tree(key_file)
    refused(key_file, says="git work tree")
    with pytest.raises(OutputError, match="git work tree"):
        make_key_file(key_file.with_name("new.key"))
    assert not key_file.with_name("new.key").exists()


@pytest.mark.parametrize(
    ("secret", "says"),
    [(bytes(range(31)), "shorter than 32"), (b"", "shorter"), (b"\0" * 32, "not random"),
     (os.urandom(4097), "longer than 4,096"), (b"abcabcabc" * 8, "not random")],
)  # fmt: skip
def test_a_weak_key_is_refused(key_file, secret, says):
    key_file.write_bytes(secret)
    refused(key_file, says=says)


def test_a_key_that_stands_where_others_can_read_it_is_refused(key_file):
    secret = key_file.read_bytes()
    refused(key_file, says="command line or in the environment", exposed=[f"K={secret.hex()}"])
    refused(key_file, says="command line or in the environment", exposed=[secret.hex().upper()])
    assert read_key_file(key_file, exposed=[key_file.name, "0" * 64])


def test_a_key_pasted_in_place_of_its_path_is_not_shown(tmp_path):
    refused(os.urandom(32).hex(), says="not the key itself")
    refused("a\0b", says="not the key itself")
    refused(tmp_path, says=r"cannot be opened|not a plain file")


def test_a_key_prints_as_its_id():
    assert repr(KEY) == f"<PseudonymKey {KEY.id}>"
    assert KEY.secret.hex() not in f"{KEY!r}{KEY}{vars(type(KEY)).get('__doc__')}"
    with pytest.raises(SourceError, match="32 bytes or more"):
        PseudonymKey(b"short")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_in_place_of_a_key_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    refused(tmp_path / "pipe", says="not a plain file")
