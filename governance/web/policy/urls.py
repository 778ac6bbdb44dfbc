from django.urls import path

from governance.web.policy import views

urlpatterns = [
    path("", views.RuleList.as_view(), name="rule-list"),
    path("new", views.RuleNew.as_view(), name="rule-new"),
    path("check", views.Check.as_view(), name="rule-check"),
    path("rules/<uuid:pk>/", views.RulePage.as_view(), name="rule-detail"),
    path("rules/<uuid:pk>/draft", views.VersionNew.as_view(), name="rule-draft"),
    path("<str:key>/v<int:number>/", views.VersionPage.as_view(), name="rule-version"),
    path("<str:key>/v<int:number>/edit", views.VersionEdit.as_view(), name="rule-version-edit"),
]
