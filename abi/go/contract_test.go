package cordon_test

import (
	"encoding/json"
	"os"
	"testing"

	"cordon"
	"cordon/contract"
)

func TestTheTableLiesWhereItWasGenerated(t *testing.T) {
	if len(contract.Offsets) < 27 {
		t.Fatalf("%d members", len(contract.Offsets))
	}
	for _, member := range contract.Offsets {
		if member.Built != member.Generated {
			t.Errorf("%s at %d, not at %d", member.Name, member.Built, member.Generated)
		}
	}
	size, version := contract.LibraryTable()
	if size < contract.Size || contract.BuiltSize < contract.Size {
		t.Errorf("the table has %d bytes, in the header %d, and %d are needed", size, contract.BuiltSize, contract.Size)
	}
	if version < cordon.ABIVersion || cordon.LibraryABIVersion() != version {
		t.Errorf("version %d", version)
	}
}

func TestTheLibraryCallsTheConstantsByTheirNames(t *testing.T) {
	for code, name := range map[error]string{
		cordon.ErrInternal:       "CORDON_E_INTERNAL",
		cordon.ErrOutcomeUnknown: "CORDON_E_OUTCOME_UNKNOWN",
		cordon.ErrLedger:         "CORDON_E_LEDGER",
	} {
		if code.Error() != name {
			t.Errorf("%s is not %s", code.Error(), name)
		}
	}
	if len(cordon.Statuses) < 9 || len(cordon.ErrorCodes) < 30 {
		t.Error(cordon.Statuses, cordon.ErrorCodes)
	}
	if cordon.StatusDryRun.String() != "CORDON_DRY_RUN" || cordon.Version() == "" {
		t.Error(cordon.StatusDryRun, cordon.Version())
	}
	if !json.Valid(cordon.Manifest()) {
		t.Error("the manifest is no JSON")
	}
}

func TestWithoutAConfigurationTheErrorNamesTheFile(t *testing.T) {
	t.Setenv("CORDON_CONFIG", os.DevNull+"/none")
	if client, err := cordon.Open(""); err == nil {
		client.Close()
		t.Error("opened without a configuration")
	}
}
