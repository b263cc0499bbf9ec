package film

import "slices"

// Classes lists the SOP classes that films come in, for those who negotiate them.
func Classes() []string {
	var all []string
	for class, taken := range classes {
		if taken {
			all = append(all, class)
		}
	}
	slices.Sort(all)
	return all
}
