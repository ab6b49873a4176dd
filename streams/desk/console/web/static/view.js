// The view of the desk that a reader came from, kept per tab.
const VIEW = "tocsin.view";
const CASE = "tocsin.case";

export function rememberView() {
  const query = new URLSearchParams(location.search);
  query.delete("after");
  sessionStorage.setItem(VIEW, query.toString());
}

export function rememberCase(id) {
  sessionStorage.setItem(CASE, id);
}

export function lastCase() {
  return sessionStorage.getItem(CASE);
}

/** The address of the case after this one in the view; null if the reader came from elsewhere. */
export function nextAddress(caseId) {
  const view = location.pathname.startsWith("/cases/") ? sessionStorage.getItem(VIEW) : null;
  return view === null ? null : `/desk/next/${encodeURIComponent(caseId)}${view && `?${view}`}`;
}
