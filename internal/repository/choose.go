package repository

import (
	"cmp"
	"slices"

	"golang.org/x/mod/semver"
)

// newer compares versions by the precedence of Semantic Versioning 2.0.0, section 11: above 0 where a comes after b. Versions
// that differ in build metadata alone, which has no precedence, go by their text.
func newer(a, b string) int {
	return cmp.Or(semver.Compare("v"+a, "v"+b), cmp.Compare(a, b))
}

// isVersion tells what may name a version's folder: a whole semantic version, without a v.
func isVersion(s string) bool {
	return semver.IsValid("v"+s) && semver.Canonical("v"+s)+semver.Build("v"+s) == "v"+s
}

// preferred sorts versions by how gladly they are served where none is asked for: releases before pre-releases, and the newest
// first of each.
func preferred(versions []string) []string {
	out := slices.Clone(versions)
	slices.SortFunc(out, func(a, b string) int {
		early := func(v string) int { return min(1, len(semver.Prerelease("v"+v))) }
		return cmp.Or(early(a)-early(b), newer(b, a))
	})
	return out
}
