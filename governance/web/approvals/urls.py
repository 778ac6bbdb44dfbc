from django.urls import path

from governance.web.approvals import views

urlpatterns = [
    path("", views.ApprovalList.as_view(), name="approval-list"),
    path("<uuid:pk>/", views.ApprovalPage.as_view(), name="approval-detail"),
    path("routes/<uuid:pk>/comment", views.CommentPage.as_view(), name="route-comment"),
    path("<uuid:pk>/approve", views.Approve.as_view(), name="approval-approve"),
    path("<uuid:pk>/reject", views.Reject.as_view(), name="approval-reject"),
    path("<uuid:pk>/return", views.Return.as_view(), name="approval-return"),
]
