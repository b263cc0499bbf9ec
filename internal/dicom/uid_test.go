package dicom

import (
	"strings"
	"testing"
)

func TestUIDsAreNumbersBetweenDots(t *testing.T) {
	for uid, want := range map[string]bool{
		"1.2.840.10008.1.1": true, "2.25.0": true, "0": true, "1." + strings.Repeat("1", 62): true,
		"": false, ".": false, "1.": false, ".1": false, "1..2": false, "1.02": false, "1.2a": false, "1.2 ": false, "1." + strings.Repeat("1", 63): false,
	} {
		if got := ValidUID(uid); got != want {
			t.Errorf("%q: %v", uid, got)
		}
	}
}
