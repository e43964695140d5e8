export function render() {
  document.body.textContent = "The Explanations tab is being built.";
}
