"""What several test files share."""

import dataclasses

import pytest

from ebm_ref import FORMULAS
from ebm_ref.proof import evidence


@pytest.fixture
def tampered(monkeypatch):
    """Replace fields of a record of the catalogue for one test; identities measured with it are forgotten."""

    def tamper(name, **changes):
        record = dataclasses.replace(FORMULAS[name], **changes)
        monkeypatch.setitem(FORMULAS, name, record)
        evidence._identity.cache_clear()
        return record

    yield tamper
    evidence._identity.cache_clear()
