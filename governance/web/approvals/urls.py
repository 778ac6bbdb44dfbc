from django.urls import path

from governance.web.approvals import acts, delegations, together, views

urlpatterns = [
    path("", views.ApprovalList.as_view(), name="approval-list"),
    path("together/", together.TogetherPage.as_view(), name="approval-together"),
    path("<uuid:pk>/", views.ApprovalPage.as_view(), name="approval-detail"),
    path("routes/<uuid:pk>/comment", views.CommentPage.as_view(), name="route-comment"),
    path("delegations/", delegations.DelegationList.as_view(), name="delegation-list"),
    path("delegations/new", delegations.NewDelegation.as_view(), name="delegation-new"),
    path("delegations/<uuid:pk>/end", delegations.EndDelegation.as_view(), name="delegation-end"),
    path("routes/<uuid:pk>/remind", acts.RemindPage.as_view(), name="route-remind"),
    path("<uuid:pk>/approve", views.Approve.as_view(), name="approval-approve"),
    path("<uuid:pk>/reject", views.Reject.as_view(), name="approval-reject"),
    path("<uuid:pk>/return", views.Return.as_view(), name="approval-return"),
    path("<uuid:pk>/claim", acts.Claim.as_view(), name="approval-claim"),
    path("<uuid:pk>/release", acts.Release.as_view(), name="approval-release"),
    path("<uuid:pk>/reassign", acts.ReassignPage.as_view(), name="approval-reassign"),
    path("<uuid:pk>/file/<uuid:decision>/", acts.ProofFile.as_view(), name="approval-file"),
]
