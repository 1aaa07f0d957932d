// Start the parts of the page and tell them of each other.

import { startBulk } from "./bulk.js";
import { startConnection } from "./connection.js";
import { startLive } from "./live.js";
import { startLookup } from "./lookup.js";
import { startPulse } from "./pulse.js";

for (const element of document.querySelectorAll("[data-needs-script]")) element.hidden = false;

const connection = startConnection(document.querySelector("#banner"));
const lookup = startLookup();
startBulk();
startLive({ connection, onChange: lookup.update, onGap: lookup.refresh, onName: lookup.lookUp });
startPulse({ connection });
