"""allauth's forms in the product's words: a label is said once, and what is wanted of a password before it is typed."""

from typing import Any, Final

from allauth.account import forms as allauth

WANTED: Final = (
    "At least 12 characters: a few words together do well. Nothing that many others use, and nothing like your name "
    "or address."
)


class Plain:
    """Without a placeholder that repeats the label."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class _NewPassword(Plain):
    """Says what is wanted of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].label, self.fields["password1"].help_text = "New password", WANTED
        self.fields["password2"].label = "The same again"


class SignInForm(Plain, allauth.LoginForm):
    """Name and password."""


class ConfirmForm(Plain, allauth.ReauthenticateForm):
    """The password, to confirm that it is oneself."""


class AskForLinkForm(Plain, allauth.ResetPasswordForm):
    """Where the link goes that resets a password."""


class SetPasswordForm(_NewPassword, allauth.SetPasswordForm):
    """A first password."""


class ChangePasswordForm(_NewPassword, allauth.ChangePasswordForm):
    """Another password, for who knows the old one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = "Current password"


class ResetPasswordForm(_NewPassword, allauth.ResetPasswordKeyForm):
    """Another password, for who has the link."""
