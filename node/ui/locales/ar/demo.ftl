# صفحة العرض.
demo-name = عرض تشاسكي
demo-title = ثلاثة مراكز وسجل واحد
demo-lead = عيادة وفريق متنقل ومركز إقليمي يتشاركون سجلًا صحيًا واحدًا. يعمل كل منهم وحده، ثم يتفقون من جديد حين يلتقون.
demo-step-1 = افصل كابلين ليبقى أحد المراكز وحده.
demo-step-2 = غيّر الهاتف أو الجرعة أو الحساسية في الجهتين.
demo-step-3 = صِل الكابلين وشاهد المراكز تتفق.
demo-step-4 = ما لا يمكن دمجه بأمان يصبح تعارضًا: احسمه في أي مكان، مرة واحدة.
demo-cables = الكابلات
demo-wire = { $a } – { $b }
demo-wire-words = { $names }: { $state }.
demo-wire-on = موصول
demo-wire-joining = موصول، جارٍ اللقاء…
demo-wire-off = مفصول
demo-pull = افصل الكابل
demo-plug = صِل الكابل
demo-same = الكل متطابق
demo-differ = بينها اختلاف
demo-people = الأشخاص
demo-records = { $form ->
    [zero] لا سجلات
    [one] سجل واحد
    [two] سجلان
    [few] { $count } سجلات
    [many] { $count } سجلًا
   *[other] { $count } سجل
}
demo-open = فتح
demo-other = مختلف
demo-add = إضافة
demo-not-here = لم يصل هذا الشخص إلى هنا بعد.
demo-said-saved = حُفظ في { $node }.
demo-said-decided = حُسم في { $node }.
demo-said-pulled = فُصل الكابل.
demo-said-plugged = وُصل الكابل.
demo-said-refused = لم يقبل { $node } ذلك. تحقق مما كتبته.
demo-said-stale = تغيّر { $node } في أثناء ذلك. يرجى النظر مرة أخرى.
