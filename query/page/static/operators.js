// Start the parts of the operators' page.

import { startConnection } from "./net/connection_banner.js";
import { startRates } from "./pulse/rates.js";
import { startState } from "./pulse/state.js";

for (const element of document.querySelectorAll("[data-needs-script]")) element.hidden = false;

const connection = startConnection(document.querySelector("#banner"));
startRates({ connection });
startState({ connection });
