// Light or dark: as TensorBoard shows itself, else as the system asks for.

/** Follows the theme from now on. @param changed called when it has changed. */
export function followTheme(changed) {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const host = hostBody();
  const apply = () => {
    const theme = (host ? host.classList.contains("dark-mode") : system.matches) ? "dark" : "light";
    if (document.documentElement.dataset.theme === theme) return;
    document.documentElement.dataset.theme = theme;
    changed();
  };
  system.addEventListener("change", apply);
  if (host) new MutationObserver(apply).observe(host, { attributes: true, attributeFilter: ["class"] });
  apply();
}

function hostBody() {
  try {
    return window.parent === window ? null : window.parent.document.body;
  } catch {
    return null; // the page is framed by another site, whose theme is not ours to know
  }
}

/** The value of a CSS variable, for canvases. */
export const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
