// The questions of a form, one at a time: the first one without an answer is framed, and what was answered folds to a line.
// Without this script all of them are in sight.
import { onKey } from "./keys.js";

// As many as there are digits to answer with.
const MOST = 9;
let form = null;
let changed = () => {};

/** Ask the questions of a form; `onChange` is told when an answer changed. */
export function startQuestions(asked, onChange) {
  form = asked;
  changed = onChange;
  if (!questions().length) return;
  form.classList.add("asking");
  // A field that is folded cannot say what it lacks: `complete` frames its question.
  form.noValidate = true;
  for (const question of form.querySelectorAll(".question")) prepare(question);
  for (let digit = 1; digit <= MOST; digit++) {
    onKey(String(digit), () => {
      if (isFolded()) return false;
      const answer = answersOf(framed() ?? form)[digit - 1];
      if (answer) take(answer);
      return answer !== undefined;
    });
  }
  onKey("Backspace", () => {
    const all = sequence();
    const at = framed() ? all.indexOf(framed()) : all.length;
    if (isFolded() || at < 1) return false;
    frame(all[at - 1]);
    return true;
  });
  showNext(false);
}

/** Frame the first question without an answer; if `focus`, go there, or to the button if there is none. */
export function showNext(focus = true) {
  if (!form?.classList.contains("asking")) return;
  const next = sequence().find((each) => !isAnswered(each));
  if (next) {
    frame(next, focus);
    return;
  }
  framed()?.classList.remove("framed");
  showLines();
  if (focus) form.querySelector(":scope > button").focus();
}

/** Whether all questions have a valid answer. The first one without is framed, and says that it needs one. */
export function complete() {
  const open = questions().find((each) => !isValid(each));
  if (!open) return form.reportValidity();
  frame(open);
  open.querySelector("[role=alert]").textContent = "Choose one.";
  return false;
}

function prepare(question) {
  question.tabIndex = -1;
  if (!question.matches("fieldset")) question.role = "group";
  question.ariaLabel = question.dataset.question;
  question.hidden = question.matches("[data-for-all]") && clocks().some((each) => each.value);
  const line = Object.assign(document.createElement("button"), { type: "button", className: "line" });
  line.addEventListener("click", () => frame(question));
  const answers = Object.assign(document.createElement("ol"), { className: "answers" });
  const on = Object.assign(document.createElement("button"), { type: "button", className: "on", textContent: "Next" });
  on.addEventListener("click", () => goOn(question));
  const said = Object.assign(document.createElement("p"), { className: "remark", role: "alert" });
  question.prepend(line);
  question.append(answers, on, said);
  for (const [index, radio] of radiosOf(question).entries()) radio.closest("label").dataset.key ||= String(index + 1);
  question.addEventListener("keydown", (event) => {
    // Arrows walk through the answers of a field; only Enter goes on from there.
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || !event.target.matches("select, input[type=radio]")) return;
    event.preventDefault();
    goOn(question);
  });
  question.addEventListener("click", (event) => {
    // Of a pointer: arrows choose among radio buttons, too.
    if (event.detail > 0 && event.target.closest("label")?.querySelector("input[type=radio]")) setTimeout(() => goOn(question));
  });
}

function goOn(question) {
  question.dataset.answered = "";
  changed();
  if (isValid(question)) showNext();
  else complete();
}

function take({ question, choose }) {
  choose();
  if (question.matches("[data-for-all]")) {
    const { value } = question.querySelector("select");
    for (const clock of clocks()) clock.value = value;
  }
  question.dataset.answered = "";
  changed();
  if (isValid(question)) showNext();
  else {
    frame(question);
    // What was chosen asks for more, such as a reason of another area.
    fieldsOf(question).find((each) => !each.validity.valid)?.focus();
  }
}

function frame(question, focus = true) {
  for (const each of form.querySelectorAll(".framed")) each.classList.remove("framed");
  question.classList.add("framed");
  showLines();
  const answers = radiosOf(question).length ? [] : answersOf(question);
  // Longer lists keep their field, in which one can type.
  question.classList.toggle("listed", answers.length > 0 && answers.length <= MOST);
  question.querySelector(".answers").replaceChildren(
    ...answers.slice(0, MOST).map((answer, index) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.append(Object.assign(document.createElement("kbd"), { textContent: index + 1 }), ` ${answer.text}`);
      button.addEventListener("click", () => take(answer));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
  if (focus) question.focus();
}

function showLines() {
  for (const question of questions()) {
    question.classList.toggle("answered", isAnswered(question));
    question.querySelector("[role=alert]").textContent = "";
    const said = Object.assign(document.createElement("strong"), { textContent: textOf(question) });
    const line = question.querySelector(".line");
    line.replaceChildren(`${question.dataset.question}: `, said);
    line.disabled = question.matches(".framed");
  }
}

/** What can be answered to a question, in order. */
function answersOf(question) {
  if (!question.matches(".question")) return [];
  const radios = radiosOf(question).map((radio) => ({ question, text: "", choose: () => (radio.checked = true) }));
  if (radios.length) return radios;
  const selects = selectsOf(question);
  return selects.flatMap((select) => {
    const options = [...select.options].filter((each) => each.value);
    const none = question.matches("[data-optional]") ? [...select.options].filter((each) => !each.value) : [];
    return [...options, ...none].map((option) => ({
      question,
      text: option.text,
      choose: () => {
        for (const each of selects) each.value = each === select ? option.value : "";
      },
    }));
  });
}

function textOf(question) {
  const radio = radiosOf(question).find((each) => each.checked);
  if (radio) return radio.closest("label").textContent.trim();
  const chosen = fieldsOf(question).filter((each) => each.matches("select") && each.value && !each.matches("[data-aside]"));
  const said = chosen.map((each) => each.selectedOptions[0].text);
  const aside = question.querySelector("select[data-aside]");
  // The country belongs to a law.
  if (aside && chosen.some((each) => each.name === "duty")) said.push(aside.selectedOptions[0].text);
  return said.join(", ") || question.querySelector("select")?.options[0]?.text || "";
}

function isAnswered(question) {
  if (question.matches("[data-preset]")) return true;
  if (question.matches("[data-optional]") && !selectsOf(question).some((each) => each.value)) return "answered" in question.dataset;
  return isValid(question);
}

function isValid(question) {
  if (question.matches("[data-for-all]") && !("answered" in question.dataset)) return clocks().every((each) => each.value);
  return fieldsOf(question).every((each) => each.validity.valid);
}

function fieldsOf(question) {
  return [...question.querySelectorAll("select, input")].filter((each) => {
    const hidden = each.closest("[hidden]");
    return !hidden || hidden.contains(question);
  });
}

function selectsOf(question) {
  return fieldsOf(question).filter((each) => each.matches("select:not([data-aside])"));
}

function radiosOf(question) {
  return fieldsOf(question).filter((each) => each.type === "radio");
}

function clocks() {
  return [...form.querySelectorAll("[data-clock] select")];
}

function questions() {
  return [...form.querySelectorAll(".question:not([hidden])")];
}

/** Those that are asked by themselves: what is preset is changed only by who wants that. */
function sequence() {
  return questions().filter((each) => !each.matches("[data-preset]"));
}

function framed() {
  return form.querySelector(".question.framed:not([hidden])");
}

function isFolded() {
  return form.closest("details:not([open])") !== null;
}
