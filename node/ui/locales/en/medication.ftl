# Medicines: doses, timings, statuses.
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
field-dose_value = Amount each time
field-dose_unit = Unit
hint-dose_unit = For example mg, tablet, ml
field-times_per_day = How often
unit-times-a-day = times a day
field-dose_text = Instruction
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
status-active = Active
status-on-hold = On hold
status-cancelled = Cancelled
status-completed = Completed
status-entered-in-error = Entered in error
status-stopped = Stopped
status-draft = Draft
status-unknown = Unknown
flash-dose = Dose saved.
flash-medicine-status = Medicine changed.
