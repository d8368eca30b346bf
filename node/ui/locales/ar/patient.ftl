# Patients: search, registration, telephone numbers.
search-label = البحث عن مريض
search-hint = الاسم أو الرقم أو الهاتف أو سنة الميلاد
search-submit = بحث
search-start = اكتب اسمًا أو رقمًا أو هاتفًا أو سنة ميلاد.
search-recent = المرضى في هذه العقدة
search-nobody = لم يُعثر على أحد بهذا البحث: { $text }
search-nobody-text = تحقق من الكتابة أو جرّب رقمًا أو سنة الميلاد. من سُجّلوا في مكان آخر يظهرون بعد الاتصال بعيادتهم.
search-first = { $form ->
    [zero] لا نتائج
    [one] النتيجة الأولى
    [two] أول نتيجتين؛ اكتب المزيد للتضييق
    [few] أول { $count } نتائج؛ اكتب المزيد للتضييق
    [many] أول { $count } نتيجة؛ اكتب المزيد للتضييق
   *[other] أول { $count } نتيجة؛ اكتب المزيد للتضييق
}
search-found = { $form ->
    [zero] لا مرضى
    [one] مريض واحد
    [two] مريضان
    [few] { $count } مرضى
    [many] { $count } مريضًا
   *[other] { $count } مريض
}
person-unidentified = مجهول الهوية
person-nameless = لا اسم مسجل
sex = الجنس
sex-female = أنثى
sex-male = ذكر
sex-other = آخر
sex-unknown = غير معروف
age-sex = { $age }، { $sex }
age-about-sex = نحو { $age }، { $sex }
age-unknown = العمر غير معروف
age-not-born = تاريخ الميلاد لم يأتِ بعد
age-years = { $form ->
    [zero] أقل من سنة
    [one] سنة واحدة
    [two] سنتان
    [few] { $count } سنوات
    [many] { $count } سنة
   *[other] { $count } سنة
}
age-months = { $form ->
    [zero] أقل من شهر
    [one] شهر واحد
    [two] شهران
    [few] { $count } أشهر
    [many] { $count } شهرًا
   *[other] { $count } شهر
}
age-days = { $form ->
    [zero] وُلد اليوم
    [one] يوم واحد
    [two] يومان
    [few] { $count } أيام
    [many] { $count } يومًا
   *[other] { $count } يوم
}
field-given = الاسم الأول
field-family = اسم العائلة
field-name_local = الاسم بالكتابة المحلية
hint-given = يكفي أحد الأسماء
hint-name_local = كما يكتبه صاحبه
unidentified-label = مجهول
register-unidentified = لا أحد يعرف من هذا الشخص؟
field-unidentified = تسجيل بلا اسم
field-temporary_label = بمَ يُشار إلى هذا الشخص إلى ذلك الحين
hint-temporary_label = مثلًا: رجل في نحو الأربعين، من الحافلة. إذا تُرك فارغًا وُضعت تسمية تلقائيًا.
field-sex = الجنس
field-birth_date = تاريخ الميلاد
hint-birth_date = ⁦4/5/1990⁩ (اليوم أولًا) أو ⁦1990-05-04⁩ أو السنة فقط: 1990
field-age_years = أو العمر، إن لم يُعرف التاريخ
hint-age_years = بالسنوات، وإلا فاكتب: 6 أشهر أو 10 أيام
field-phone = الهاتف
field-village = القرية أو المدينة
field-mother_name = اسم الأم
field-identifier_value = الرقم الوطني أو رقم آخر
register-submit = تسجيل
register-again = تحقق مرة أخرى
duplicates-heading = { $form ->
    [zero] لا أحد مشابه
    [one] قد يكون هذا الشخص نفسه
    [two] قد يكون أحد هذين الشخصين هو نفسه
    [few] قد يكون أحد هؤلاء الـ{ $count } هو الشخص نفسه
    [many] قد يكون أحد هؤلاء الـ{ $count } هو الشخص نفسه
   *[other] قد يكون أحد هؤلاء الـ{ $count } هو الشخص نفسه
}
duplicates-text = لم يُحفظ شيء بعد. افتح الملف إذا كان الشخص نفسه.
duplicates-accept = شخص آخر: سجّله
search-alike = أسماء مشابهة في النطق
search-alike-text = كُتبت هذه الأسماء بغير ما كتبته.
person-replaced = استُبدل
person-inactive = غير مستعمل
person-kept = افتح السجل المحفوظ
duplicate-probable = الأرجح أنه الشخص نفسه
duplicate-possible = من الممكن أنه الشخص نفسه
duplicate-judged = على ماذا بُني هذا الحكم
duplicate-field = المقارنة
duplicate-typed = قيد التسجيل
duplicate-known = مسجل هنا
duplicate-none = غير مسجل
duplicates-more = قد يوجد غيرهم؛ هؤلاء هم الأرجح.
agreement-equal = مطابق
agreement-near = قريب
agreement-differs = مختلف
agreement-unknown = غير معروف
contact = الاتصال
phones-none = لا هاتف مسجل
phone-add = إضافة هاتف
phone-change = تعديل الهاتف
phone-change-of = تعديل الهاتف { $number }
phone-empty-removes = أفرغ الحقل لحذف هذا الرقم.
phone-remove-question = هل تريد حذف هذا الرقم؟
flash-registered = تم التسجيل.
flash-phone = حُفظ الهاتف.
wrong-old_phone-gone = لم يعد هذا الرقم في السجل.
wrong-phone-malformed = اكتب رقمًا، مثل ⁦987 654 321⁩ أو ⁦+51 987 654 321⁩
wrong-birth_date-malformed = اكتبه هكذا ⁦4/5/1990⁩ (اليوم أولًا) أو ⁦1990-05-04⁩ أو السنة فقط: 1990
wrong-age_years-inconsistent = ليس هذا عمر من وُلد في ذلك التاريخ. اترك أحدهما فارغًا.
wrong-age_years-malformed = اكتب العمر هكذا: 40 أو 6 أشهر أو 10 أيام
