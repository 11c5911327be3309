//go:build !migrationstep

package main

// migrationStep hears of the steps of migrations: nobody does.
var migrationStep func(step string)
