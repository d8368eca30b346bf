# Conflicts: the inbox and what elements are called.
conflicts-open = { $form ->
    [one] One conflict waits for a decision
   *[other] { $count } conflicts wait for a decision
}
conflicts-open-text = Two sites wrote different things while apart, or under one record number.
conflicts-look = Look
conflicts-lead = Two sites wrote different things while apart. Keep what is right. What is not kept stays in the record’s history.
conflicts-changed = Something here has changed since.
conflicts-show = Show what is new
conflicts-none = No conflicts
conflicts-none-text = Whatever was written apart has come together.
conflicts-more = There are more; they appear as these are decided.
chart-conflicts = { $form ->
    [one] One conflict waits for a decision
   *[other] { $count } conflicts wait for a decision
}
conflict-critical = Safety
conflict-removed = Removed here
conflict-safer = Counts until decided: the safer reading
undecided-of = { $element }: undecided
undecided-nothing = not stated
undecided-kept = kept
undecided-removed = removed
undecided-age = { $ages } (undecided)
undecided-sex = { $sexes } (undecided)
counts-as = Counts as “{ $value }” until decided: the safer reading.
counts-as-nothing = Counts as not stated until decided: the safer reading.
conflict-keep = Keep this
conflict-keep-id = Keep the number here
conflict-collision-hint = Records of different patients have the same record number. Nothing was mixed up: each stays with its own patient. Tap one: it keeps the number, and every other gets a new one.
conflict-keep-id-of = for { $name }
conflict-keep-of = from { $user }, { $site }

kind-Patient = Patient
kind-AllergyIntolerance = Allergy
kind-MedicationRequest = Prescription
kind-MedicationStatement = Medicine taken
kind-Condition = Problem
kind-Observation = Result
kind-Immunization = Vaccination
kind-Encounter = Visit
kind-Procedure = Procedure
kind-ServiceRequest = Order
kind-Appointment = Appointment
kind-DiagnosticReport = Report
kind-CarePlan = Care plan

path-deleted = Removed or kept?
path-collision = One record number, several patients
path-active = In use
path-birthDate = Date of birth
path-gender = Sex
path-deceased = Deceased
path-link = Same person as
path-identifier = Identifier
path-name = Name
path-telecom = Phone
path-address = Address
path-code = What it is
path-criticality = Danger
path-clinicalStatus = Status
path-verificationStatus = Certainty
path-reaction = Reaction
path-status = Status
path-intent = Intent
path-medication = Medicine
path-dosageInstruction = Dose
path-doNotPerform = Not to be given
path-value = Value
path-component = Parts
path-interpretation = Interpretation
path-dataAbsentReason = Why no value
path-vaccineCode = Vaccine
path-occurrence = When
path-start = Start
path-end = End
flash-resolved = Decided. The decision travels to every site.
verification-confirmed = Confirmed
verification-unconfirmed = Not confirmed
verification-presumed = Presumed
verification-provisional = Provisional
verification-differential = One of several possible
verification-refuted = Refuted
verification-entered-in-error = Entered in error
intent-proposal = Proposal
intent-plan = Plan
intent-order = Order
intent-original-order = Original order
intent-reflex-order = Reflex order
intent-filler-order = Filler’s order
intent-instance-order = Order of one occasion
intent-option = Option
truth-true = Yes
truth-false = No
