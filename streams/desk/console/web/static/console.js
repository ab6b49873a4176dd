// What pages can do beyond being read and having their forms sent. Without it everything works, by links and buttons.
import { startCase } from "./case.js";
import { startDecide } from "./decide.js";
import { startDesk } from "./desk.js";
import { startKeys } from "./keys.js";
import { startPalette } from "./palette.js";
import { startShift } from "./shift.js";
import { startTimes } from "./times.js";
import { startUndo } from "./undo.js";
import { startWork } from "./work.js";

// Lines that scroll begin where the reader is.
for (const here of document.querySelectorAll("nav [aria-current]")) here.scrollIntoView({ block: "nearest", inline: "nearest" });
startTimes();
startKeys();
startPalette();
startShift();
startUndo();
if (document.querySelector("table.desk")) startDesk();
if (document.body.dataset.case) {
  startDecide();
  startCase();
}
startWork();
// Tests and extensions see by it that keys work.
document.documentElement.dataset.ready = "";
