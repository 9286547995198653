// Suggests series in the field "Compare with" as one types.

const WAIT_MS = 200;
const field = document.getElementById("series-compare");
const suggestions = document.getElementById("series-suggestions");
let timer = null;
let request = null;

async function suggest() {
  request?.abort();
  request = new AbortController();
  const url = `${field.dataset.suggest}?${new URLSearchParams({ q: field.value })}`;
  try {
    const response = await fetch(url, { signal: request.signal });
    const { results } = response.ok ? await response.json() : { results: [] };
    suggestions.replaceChildren(...results.map((title) => new Option(title, title)));
  } catch (error) {
    if (error.name !== "AbortError") {
      suggestions.replaceChildren();
    }
  }
}

const wait = () => {
  clearTimeout(timer);
  timer = setTimeout(suggest, WAIT_MS);
};
field.addEventListener("input", wait);
field.addEventListener("focus", wait, { once: true });
