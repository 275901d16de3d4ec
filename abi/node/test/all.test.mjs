// One process for all, so that one test's faults do not hit another's calls.
import './contract_test.mjs';
import './newer_test.mjs';
import './act_test.mjs';
import './limits_test.mjs';
import './events_test.mjs';
import './pump_test.mjs';
import './vault_test.mjs';
