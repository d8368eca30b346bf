# Patients: search, registration, chart, edit forms.
search-label = Find a patient
search-hint = Name, number, phone or year of birth
search-submit = Search
search-start = Type a name, a number, a phone or a year of birth.
search-recent = Patients on this node
search-nobody = Nobody found for “{ $text }”
search-nobody-text = Check the spelling, or try a number or the year of birth. People registered elsewhere appear once their clinic has been met.
search-first = { $form ->
    [one] The first match
   *[other] The first { $count } matches; type more to narrow it
}
search-found = { $form ->
    [one] One patient
   *[other] { $count } patients
}
deceased = Deceased
person-unidentified = Not identified
person-nameless = No name recorded
conflict = Conflict
disputed = Disputed
inactive = No longer active

sex = Sex
sex-female = Female
sex-male = Male
sex-other = Other
sex-unknown = Not known
age-sex = { $age }, { $sex }
age-about-sex = about { $age }, { $sex }
age-years = { $form ->
    [one] one year
   *[other] { $count } years
}
age-months = { $form ->
    [one] one month
   *[other] { $count } months
}
age-days = { $form ->
    [one] one day
   *[other] { $count } days
}
born = born { $date }
since = since { $date }

field-given = Given names
field-family = Family name
field-name_local = Name in local script
hint-given = One of the names is enough
hint-name_local = As the person writes it
unidentified-label = Unidentified
register-unidentified = Nobody knows who this is?
field-unidentified = Register without a name
field-temporary_label = What to call this person until then
hint-temporary_label = For example: man, about 40, from the bus. Left empty, a label is made.
field-sex = Sex
field-birth_date = Date of birth
hint-birth_date = 1986-03-10, or only the year: 1986
field-age_years = or age, if no date is known
unit-years = years
field-phone = Phone
field-place = Village or town
field-mother = Mother's name
field-identifier = National or other number
register-submit = Register
register-again = Check again
duplicates-heading = { $form ->
    [one] This may be the same person
   *[other] { $count } people here may be the same person
}
duplicates-text = Nothing is saved yet. Open the chart if it is the same person.
duplicates-accept = Somebody else: register

allergies = Allergies
allergies-none-known = No known allergies
allergies-no-information = No information on allergies
criticality = Danger
criticality-high = High risk
criticality-low = Low risk
criticality-unable-to-assess = Not known
allergy-add = Add an allergy
allergy-change-of = Change the allergy { $substance }
field-substance = Substance
hint-substance = Medicine, food or material
field-criticality = How dangerous is it?
field-reaction = What happened
hint-reaction = For example rash, swelling, trouble breathing

needs-review = Needs review
none-known-contradicted = An allergy is recorded beside this, so it no longer holds.
none-known-set-aside = Set aside
allergy-none-known = No known allergies
allergystatus-active = Active
allergystatus-inactive = Not active now
allergystatus-resolved = Outgrown
field-allergystatus = Does it still count?
problems = Problems
problems-none = No problems recorded
medicines = Medicines
medicines-none = No medicines recorded
dosage-daily = { $form ->
    [one] { $dose } once a day
   *[other] { $dose }, { $count } times a day
}
dosage-no-unit = { $value } (unit not recorded)
dose-change = Change the dose
dose-change-of = Change the dose of { $drug }
dose-now = Now: { $instruction }
field-dose = Amount each time
field-unit = Unit
hint-unit = For example mg, tablet, ml
field-times = How often
unit-times-a-day = times a day
field-instruction = Instruction
timing-kept = Now { $timing }. Leave this empty to keep it.
timing-every = { $times } × every { $every }
timing-unit-s = { $form ->
    [one] second
   *[other] { $period } seconds
}
timing-unit-min = { $form ->
    [one] minute
   *[other] { $period } minutes
}
timing-unit-h = { $form ->
    [one] hour
   *[other] { $period } hours
}
timing-unit-d = { $form ->
    [one] day
   *[other] { $period } days
}
timing-unit-wk = { $form ->
    [one] week
   *[other] { $period } weeks
}
timing-unit-mo = { $form ->
    [one] month
   *[other] { $period } months
}
timing-unit-a = { $form ->
    [one] year
   *[other] { $period } years
}
timing-at-mon = Monday
timing-at-tue = Tuesday
timing-at-wed = Wednesday
timing-at-thu = Thursday
timing-at-fri = Friday
timing-at-sat = Saturday
timing-at-sun = Sunday
timing-at-morn = in the morning
timing-at-morn-early = early in the morning
timing-at-morn-late = late in the morning
timing-at-noon = at noon
timing-at-aft = in the afternoon
timing-at-aft-early = early in the afternoon
timing-at-aft-late = late in the afternoon
timing-at-eve = in the evening
timing-at-eve-early = early in the evening
timing-at-eve-late = late in the evening
timing-at-night = at night
timing-at-phs = after falling asleep
timing-at-hs = at bedtime
timing-at-wake = on waking
timing-at-c = with a meal
timing-at-cm = with breakfast
timing-at-cd = with lunch
timing-at-cv = with the evening meal
timing-at-ac = before a meal
timing-at-acm = before breakfast
timing-at-acd = before lunch
timing-at-acv = before the evening meal
timing-at-pc = after a meal
timing-at-pcm = after breakfast
timing-at-pcd = after lunch
timing-at-pcv = after the evening meal
medicine-status = Stop or hold
medicine-status-of = Stop or hold { $drug }
field-medicinestatus = What becomes of it?
medicinestatus-active = Give it again
medicinestatus-on-hold = Hold it for now
medicinestatus-stopped = Stop it
medicinestatus-completed = The course is complete
field-reason = Why
hint-reason = Needed to stop or hold it. For example: rash, or surgery tomorrow
status-because = Why: { $reason }
edit-disputed = Two sites disagree about this. Please decide that first.

vitals = Vital signs
vitals-add = Record vital signs
vitals-none = None recorded yet
vitals-lead = Fill in what you measured and leave the rest empty.
field-systolic = Blood pressure, upper
field-diastolic = Blood pressure, lower
field-pulse = Pulse
field-breaths = Breaths
field-temperature = Temperature
field-oxygen = Oxygen saturation
field-weight = Weight
field-height = Height
vital-85354-9 = Blood pressure
vital-55284-4 = Blood pressure
vital-8480-6 = Upper blood pressure
vital-8462-4 = Lower blood pressure
vital-8867-4 = Pulse
vital-9279-1 = Breaths
vital-8310-5 = Temperature
vital-2708-6 = Oxygen saturation
vital-59408-5 = Oxygen saturation
vital-29463-7 = Weight
vital-8302-2 = Height
flag-normal = Normal
flag-low = Low
flag-high = High
flag-critical-low = Critically low
flag-critical-high = Critically high

results = Results
results-none = No results recorded
results-more = Even older results are not shown here.
results-older = Older results
result-what = What
result-value = Value
result-when = When, who

contact = Contact
phones-none = No phone recorded
phone-add = Add a phone
phone-change = Change the phone
phone-change-of = Change the phone { $number }
phone-empty-removes = Empty the field to remove this number.
phone-remove-question = Remove this number?
field-number = Phone number

complete-as-of = Complete as of
complete-as-of-text = This chart holds what each site had written up to then.

status-active = Active
status-on-hold = On hold
status-cancelled = Cancelled
status-completed = Completed
status-entered-in-error = Entered in error
status-stopped = Stopped
status-draft = Draft
status-unknown = Unknown

flash-registered = Registered.
flash-phone = Phone saved.
flash-allergy = Allergy saved.
flash-vitals = Vital signs saved.
flash-dose = Dose saved.
flash-medicine-status = Medicine changed.
flash-resumed = Nothing is saved yet. Look over what you typed and save it.
flash-not-yours = What was typed here before belonged to somebody else and was not kept.
flash-resolved = Decided. The decision travels to every site.
