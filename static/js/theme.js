// Runs before the first paint: the reader's own colour scheme, if one was chosen, and the mark that script is here.
{
  const root = document.documentElement;
  root.dataset.script = "";
  try {
    if (localStorage.theme) root.dataset.theme = localStorage.theme;
  } catch {
    // Storage is closed to us: the system's scheme stands.
  }
}
