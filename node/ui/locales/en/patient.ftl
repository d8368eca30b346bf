# Patients: search, registration, telephone numbers.
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
person-unidentified = Not identified
person-nameless = No name recorded
sex = Sex
sex-female = Female
sex-male = Male
sex-other = Other
sex-unknown = Not known
age-sex = { $age }, { $sex }
age-about-sex = about { $age }, { $sex }
age-unknown = Age not known
age-not-born = Date of birth lies ahead
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
hint-birth_date = 4/5/1990 (day first), 1990-05-04, or only the year: 1990
field-age_years = or age, if no date is known
hint-age_years = In years; otherwise write 6 months or 10 days
field-phone = Phone
field-village = Village or town
field-mother_name = Mother's name
field-identifier_value = National or other number
register-submit = Register
register-again = Check again
duplicates-heading = { $form ->
    [one] This may be the same person
   *[other] { $count } people here may be the same person
}
duplicates-text = Nothing is saved yet. Open the chart if it is the same person.
duplicates-accept = Somebody else: register
search-alike = Sounds alike
search-alike-text = These names are written otherwise than what you typed.
person-replaced = Replaced
person-inactive = Not in use
person-kept = Open the record that is kept
duplicate-probable = Probably the same person
duplicate-possible = Possibly the same person
duplicate-judged = What this is judged on
duplicate-field = Compared
duplicate-typed = Being registered
duplicate-known = Already here
duplicate-none = not recorded
duplicates-more = There may be more; these are the likeliest.
agreement-equal = equal
agreement-near = near
agreement-differs = differs
agreement-unknown = unknown
contact = Contact
phones-none = No phone recorded
phone-add = Add a phone
phone-change = Change the phone
phone-change-of = Change the phone { $number }
phone-empty-removes = Empty the field to remove this number.
phone-remove-question = Remove this number?
flash-registered = Registered.
flash-phone = Phone saved.
wrong-old_phone-gone = This number is not in the record any more.
wrong-phone-malformed = Write a number, for example 987 654 321 or +51 987 654 321
wrong-birth_date-malformed = Write it like 4/5/1990 (day first), 1990-05-04, or only the year: 1990
wrong-age_years-inconsistent = This is not the age of that date of birth. Leave one of them empty.
wrong-age_years-malformed = Write an age like 40, 6 months or 10 days
