// Start the parts of the page and connect them.

import { startBulk } from "./lookup/bulk.js";
import { startConnection } from "./net/connection_banner.js";
import { startChanges } from "./changes/changes.js";
import { startExport } from "./lookup/export.js";
import { startLookup } from "./lookup/lookup.js";
import { startRates } from "./pulse/rates.js";

for (const element of document.querySelectorAll("[data-needs-script]")) element.hidden = false;

const connection = startConnection(document.querySelector("#banner"));
const lookup = startLookup();
startBulk();
startExport();
startChanges({ connection, onChange: lookup.update, onGap: lookup.refresh, onName: lookup.lookUp });
startRates({ connection });
