from django.urls import path

from governance.web.requests import views

urlpatterns = [
    path("", views.RequestList.as_view(), name="request-list"),
    path("new/", views.RequestNew.as_view(), name="request-new"),
    path("preview", views.RequestPreview.as_view(), name="request-preview"),
    path("catalog", views.RequestCatalog.as_view(), name="request-catalog"),
    path("like", views.RequestLike.as_view(), name="request-like"),
    path("drafts/<uuid:pk>/discard", views.DraftDiscard.as_view(), name="request-draft-discard"),
    path("<uuid:pk>/", views.RequestPage.as_view(), name="request-detail"),
    path("<uuid:pk>/withdraw", views.RequestWithdraw.as_view(), name="request-withdraw"),
    path("<uuid:pk>/answer", views.RequestAnswer.as_view(), name="request-answer"),
]
