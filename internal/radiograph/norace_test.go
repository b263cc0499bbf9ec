//go:build !race

package radiograph

const stride = 1
