ceremony "init" {
  id = "KC 17"
  drill = "yearly"
  recovery {
    shares    = "five"
    threshold = 3
    keys      = 2
  }
  custodian "Alice Example" {
    pgp_key = "keys/alice.asc"
  }
  custodian "Bob Example" {
    fingerprint = "9F3C"
  }
  witness "alice example" {}
  pin_holder "Paul" {}
  accept "everything" {
    reason = "in a hurry"
  }
  accept "no-spare-share" {}
}
