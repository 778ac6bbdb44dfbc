from django.urls import path

from governance.web.separation import inclusions, rules, views

urlpatterns = [
    path("", views.ViolationList.as_view(), name="violation-list"),
    path("violations/<uuid:pk>/", views.ViolationPage.as_view(), name="violation-detail"),
    path("matrix", rules.Matrix.as_view(), name="separation-matrix"),
    path("rules/", rules.RuleList.as_view(), name="separation-rule-list"),
    path("rules/new", rules.NewRule.as_view(), name="separation-rule-new"),
    path("rules/<uuid:pk>/", rules.RulePage.as_view(), name="separation-rule-detail"),
    path("rules/<uuid:pk>/draft", rules.Draft.as_view(), name="separation-rule-draft"),
    path("versions/<uuid:pk>/", rules.VersionById.as_view(), name="separation-version-by-id"),
    path("versions/<uuid:pk>/in-force", rules.PutInForce.as_view(), name="separation-version-in-force"),
    path("versions/<uuid:pk>/discard", rules.Discard.as_view(), name="separation-version-discard"),
    path("versions/<uuid:pk>/retire", rules.Retire.as_view(), name="separation-version-retire"),
    path("inclusions/", inclusions.InclusionList.as_view(), name="inclusion-list"),
    path("inclusions/new", inclusions.NewInclusion.as_view(), name="inclusion-new"),
    path("inclusions/<uuid:pk>/end", inclusions.EndInclusion.as_view(), name="inclusion-end"),
    path("mitigations/", views.MitigationList.as_view(), name="mitigation-list"),
    path("rules/<uuid:rule>/mitigations/<uuid:identity>", views.NewMitigation.as_view(), name="mitigation-new"),
    path("mitigations/<uuid:pk>/", views.MitigationPage.as_view(), name="mitigation-detail"),
    path("mitigations/<uuid:pk>/approve", views.Approve.as_view(), name="mitigation-approve"),
    path("mitigations/<uuid:pk>/reject", views.Reject.as_view(), name="mitigation-reject"),
    path("mitigations/<uuid:pk>/withdraw", views.Withdraw.as_view(), name="mitigation-withdraw"),
    path("mitigations/<uuid:pk>/end", views.End.as_view(), name="mitigation-end"),
]
