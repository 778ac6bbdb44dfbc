"""The filters of files that were handed in, shared by page, API and export."""

import django_filters

from governance.core.filters import States, Words
from governance.lifecycle.models import FeedRun
from governance.lifecycle.states import RunState


class RunFilter(django_filters.FilterSet):
    """By words, source and state."""

    q = Words("file_name", "source__name", reference="F-", label="Search files", hint="File, source, F-1001")
    state = States(RunState.choices)

    class Meta:
        model = FeedRun
        fields: tuple[str, ...] = ()
