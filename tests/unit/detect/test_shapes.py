import pytest

from streamproc.detect.shapes import machine_made

MACHINE_MADE = [
    "0059915c-dea7-4682-b06d-52f315b12f5e",
    "2023-05-17T22:49:53.310Z",
    "2023-05-17 22:49:53+02:00",
    "2023-05-17T22:49Z",
    "20230517T224953Z",
    "d41d8cd98f00b204e9800998ecf8427e",
    "507f191e810c19729de860ea",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "10.2.33",
    "v2.11.1-rc.1",
    "en-US",
    "zh_Hans_CN",
    "es-419",
    "America/New_York",
    "America/Argentina/Buenos_Aires",
    "application/vnd.ms-excel",
    "video/mp4",
    "1920x1080",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "tok_k1_" + "abcdefghijklmnop" * 2,
    "<EMAIL_ADDRESS>",
]
LOOKED_INTO = [
    "",
    "1984-10-19",  # may be a date of birth
    "4111111111111111",
    "12345678901234567890123456789012",  # digits only
    "01234567890123456789012345",
    "12.345.678",  # numbers of persons in South America
    "415.555.0100",
    "1.2.3.4",
    b"jane.doe@example".hex(),
    "jane.doe",
    "ORDER_COMPLETED",
    "USD",
    "text/415-555-0100",
    "America/5550100",
    "5550100x123",
    "Mozilla/5.0 (X11; Linux x86_64) jane@example.com",
    "tok_k1_short",
    "<b>",
    "<GB29NWBK60161331926819>",
    "call 0059915c-dea7-4682-b06d-52f315b12f5e",
    "2023-05-17T22:49:53Z\n",
    "\u0662\u0660\u0662\u0663-05-17T22:49:53Z",
]


@pytest.mark.parametrize("value", MACHINE_MADE)
def test_machine_made_values_are_left_out(value: str) -> None:
    assert machine_made(frozenset()).fullmatch(value)


@pytest.mark.parametrize("value", LOOKED_INTO)
def test_other_values_are_looked_into(value: str) -> None:
    assert not machine_made(frozenset()).fullmatch(value)


def test_a_uuid_is_looked_into_where_uuids_are_wanted() -> None:
    assert not machine_made(frozenset({"UUID"})).fullmatch(MACHINE_MADE[0])
    assert machine_made(frozenset({"UUID"})).fullmatch(MACHINE_MADE[1])
