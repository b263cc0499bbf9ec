// Package sitetest makes calibrations for tests.
package sitetest

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/site"
	"github.com/spikeray/spikeray/pkg/model"
)

// Made is a place's calibration for a model, fitted to made-up log-odds of 60 pictures, 30 of them ill.
func Made(t testing.TB, m *model.Model) (file []byte, c *site.Calibration) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	request := site.Request{Model: m, Place: "Children's ward", Made: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	for i := range 60 {
		ill := i%2 == 0
		odds := -2 + random.NormFloat64()
		if ill {
			odds += 3
		}
		request.Pictures = append(request.Pictures, site.Picture{LogOdds: odds, Positive: ill})
	}
	document, err := site.Make(request)
	if err != nil {
		t.Fatal(err)
	}
	if file, c, err = document.Encode(); err != nil {
		t.Fatal(err)
	}
	return file, c
}
