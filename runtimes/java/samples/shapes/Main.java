import java.util.Locale;

public class Main {
  public static void main(String[] args) {
    Circle circle = new Circle(Double.parseDouble(args[0]));
    System.out.println(String.format(Locale.ROOT, "%.2f", circle.area()));
    System.out.println(args[1] + " " + args[1].length());
  }
}
