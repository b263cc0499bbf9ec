//go:build (!amd64 && !arm64) || purego

package kernel

func tiers() []*tier { return []*tier{&generic} }
