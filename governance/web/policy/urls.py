from django.urls import path

from governance.web.policy import examples, proposing, replays, views

urlpatterns = [
    path("", views.RuleList.as_view(), name="rule-list"),
    path("new", views.RuleNew.as_view(), name="rule-new"),
    path("check", views.Check.as_view(), name="rule-check"),
    path("rules/<uuid:pk>/", views.RulePage.as_view(), name="rule-detail"),
    path("rules/<uuid:pk>/draft", views.VersionNew.as_view(), name="rule-draft"),
    path("rules/<uuid:pk>/examples/new", examples.ExampleNew.as_view(), name="rule-example-new"),
    path("examples/<uuid:pk>/drop", examples.ExampleDrop.as_view(), name="rule-example-drop"),
    path("replays/<uuid:pk>/", replays.ReplayPage.as_view(), name="replay-detail"),
    path("replays/<uuid:pk>/stop", replays.ReplayStop.as_view(), name="replay-stop"),
    path("versions/<uuid:pk>/", views.VersionById.as_view(), name="rule-version-by-id"),
    path("<str:key>/v<int:number>/replay", replays.ReplayNew.as_view(), name="rule-version-replay"),
    path("<str:key>/v<int:number>/publish", proposing.Publish.as_view(), name="rule-version-publish"),
    path("<str:key>/v<int:number>/retire", proposing.Retire.as_view(), name="rule-version-retire"),
    path("<str:key>/v<int:number>/", views.VersionPage.as_view(), name="rule-version"),
    path("<str:key>/v<int:number>/edit", views.VersionEdit.as_view(), name="rule-version-edit"),
]
