package api

import (
	"fmt"
	"net/http"
	"slices"
)

// trust makes the check that no page of another site has a visitor's browser send pictures: by Sec-Fetch-Site or, with
// an old browser, Origin. Clients that are not browsers send neither. It is nil when any site may.
func trust(origins []string) (*http.CrossOriginProtection, error) {
	if slices.Contains(origins, "*") {
		return nil, nil
	}
	protection := http.NewCrossOriginProtection()
	for _, origin := range origins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("trusted origin %q: must be like https://example.org, or *: %w", origin, err)
		}
	}
	return protection, nil
}
